/** Where a server of ours listens, and as what a URL names that. Pure. */
import { isIP } from 'node:net';

/** Whether nobody but this machine reaches it. @param host an address or a name */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** An IPv6 address as a URL has it. */
export function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
