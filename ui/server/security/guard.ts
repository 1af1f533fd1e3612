/**
 * Who may ask: whoever has the token of the printed address, from a page of ours, under a name of ours. Everything else is
 * refused before anything is read.
 */
import { randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { html } from 'hono/html';
import { isSameSecret } from '../../../infra/http/same-secret.ts';

export interface Access {
  /** In the printed address. */
  readonly token: string;
  /** What a browser has after its first visit. */
  readonly session: string;
  /** In the page, and in a header of every post. */
  readonly csrf: string;
}

export const CSRF_HEADER = 'x-modalmix-page';
const SECRET_BYTES = 32;

export function createAccess(): Access {
  const secret = () => randomBytes(SECRET_BYTES).toString('base64url');
  return { token: secret(), session: secret(), csrf: secret() };
}

/** Nothing from elsewhere is loaded, nothing but our script runs, and no other page shows ours. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "media-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Of every answer; a route may tighten its policy. */
export function safeHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    if (!headers.has('content-security-policy')) headers.set('content-security-policy', PAGE_POLICY);
    headers.set('x-content-type-options', 'nosniff');
    headers.set('referrer-policy', 'no-referrer');
    headers.set('cross-origin-resource-policy', 'same-origin');
    headers.set('cross-origin-opener-policy', 'same-origin');
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  };
}

/**
 * @param hosts values of `Host` that are ours
 * @param port of the cookie's name: cookies are shared by all ports of a host
 */
export function guard(
  access: Access,
  hosts: () => ReadonlySet<string>,
  port: () => number,
): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host')?.toLowerCase() ?? '';
    if (!hosts().has(host)) {
      return refuse(c, 403, `this page is not served under the name "${host.slice(0, 100)}"`);
    }
    const cookie = `modalmix-ui-${String(port())}`;
    const given = c.req.query('token');
    if (given !== undefined && c.req.method === 'GET' && c.req.path === '/') {
      if (!isSameSecret(given, access.token))
        return refuse(c, 401, 'the token in the address is not the one of this page');
      setCookie(c, cookie, access.session, { httpOnly: true, sameSite: 'Strict', path: '/' });
      return c.redirect('/', 303);
    }
    if (!isSameSecret(getCookie(c, cookie) ?? '', access.session)) {
      return refuse(c, 401, 'open the whole address that "modalmix ui" printed; it ends with a token');
    }
    const site = c.req.header('sec-fetch-site');
    const isVisit =
      c.req.method === 'GET' && c.req.header('sec-fetch-mode') === 'navigate' && c.req.path === '/';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isVisit) {
      return refuse(c, 403, 'another page asked for it');
    }
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      const refusal = refusePost(c, access, host);
      if (refusal !== undefined) return refuse(c, 403, refusal);
    }
    await next();
    return undefined;
  };
}

function refusePost(c: Context, access: Access, host: string): string | undefined {
  if (c.req.header('origin') !== `http://${host}`) return 'a change was asked for by another page';
  if (!isSameSecret(c.req.header(CSRF_HEADER) ?? '', access.csrf))
    return 'the page is older than the server: load it again';
  if (c.req.header('content-type')?.split(';')[0]?.trim() !== 'application/json')
    return 'a change is asked for in JSON';
  return undefined;
}

/** Words for a person where a browser wants a page, JSON for the page itself. */
function refuse(c: Context, status: 401 | 403, message: string) {
  if (c.req.header('accept')?.includes('text/html') === true) {
    return c.html(
      html`<!doctype html>
        <html lang="en">
          <head>
            <meta charset="utf-8" />
            <title>Modalmix</title>
          </head>
          <body>
            <main>
              <h1>Not shown</h1>
              <p>${message}.</p>
            </main>
          </body>
        </html>`,
      status,
    );
  }
  return c.json({ error: { message } }, status);
}
