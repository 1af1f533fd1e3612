/** Under which names the page may be asked for: a name that a stranger's DNS points here is none of them. Pure but for the machine's own addresses. */
import { hostname, networkInterfaces } from 'node:os';
import { bracketed, isLoopback } from '../../../infra/http/listening.ts';

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];
const EVERYWHERE = new Set(['0.0.0.0', '::', '[::]']);

/**
 * Values of the header `Host` that are answered.
 *
 * @param host what is listened on
 */
export function allowedHosts(host: string, port: number): ReadonlySet<string> {
  const names = new Set(isLoopback(host) || EVERYWHERE.has(host) ? LOOPBACK_NAMES : []);
  if (EVERYWHERE.has(host)) {
    names.add(hostname().toLowerCase());
    for (const { address, family } of Object.values(networkInterfaces()).flatMap((found) => found ?? [])) {
      names.add(family === 'IPv6' ? `[${address}]` : address);
    }
  } else names.add(bracketed(host).toLowerCase());
  const withPort = [...names].map((name) => `${name}:${String(port)}`);
  // A browser leaves the port of http out.
  return new Set(port === 80 ? [...withPort, ...names] : withPort);
}
