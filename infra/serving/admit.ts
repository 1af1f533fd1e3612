/** Who may ask: whoever has the token where there is one, and no page of another site. */
import { isIP } from 'node:net';
import { isSameSecret } from '../http/same-secret.ts';
import { Refused } from './refused.ts';

export interface Admission {
  /** Absent: on the loopback alone, where whoever is on this machine may ask. */
  readonly token?: string;
  /** Names that the server is known by, beside its addresses and `localhost`. */
  readonly hostNames: readonly string[];
}

/**
 * A page whose name is made to lead here (DNS rebinding) comes with that name as its host: only addresses, which nobody
 * can rebind, and names that were allowed are answered.
 *
 * @throws Refused 421 for another host, 403 for a page of another site
 */
export function requireOwnHost(
  host: string | undefined,
  origin: string | undefined,
  { hostNames }: Admission,
): void {
  const name = hostNameOf(host);
  if (name === undefined || !(isIP(name) !== 0 || name === 'localhost' || hostNames.includes(name))) {
    throw new Refused(421, 'host', 'this server is not known by that name (--allow-host)');
  }
  if (origin === undefined) return;
  if (!URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase()) {
    throw new Refused(403, 'origin', 'pages of other sites may not ask');
  }
}

/** @throws Refused 401 without the token */
export function requireToken(authorization: string | undefined, { token }: Admission): void {
  if (token === undefined) return;
  const [, given = ''] = /^Bearer +(\S+)$/iu.exec(authorization ?? '') ?? [];
  if (!isSameSecret(given, token)) {
    throw new Refused(401, 'unauthorized', 'send the token: Authorization: Bearer …');
  }
}

function hostNameOf(host: string | undefined): string | undefined {
  if (host === undefined || !URL.canParse(`http://${host}`)) return undefined;
  return new URL(`http://${host}`).hostname.replace(/^\[|\]$/gu, '');
}
