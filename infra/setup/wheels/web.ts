/** Files and pages of a package index over HTTP: redirections, names and passwords, downloads that go on after a break. */
import { createWriteStream, existsSync, readFileSync, statSync } from 'node:fs';
import { request as requestPlain, type IncomingMessage } from 'node:http';
import { Agent, request as requestSecure } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';

const MOST_REDIRECTIONS = 5;
const SILENCE_MS = 60_000;
const ATTEMPTS = 4;
const PAUSE_MS = 500;

/** An answer that asking again does not change. */
export class RefusedError extends Error {}

export interface WebOptions {
  /** A file of certificates to trust besides Node's own. */
  readonly certificates?: string;
}

/** For messages: an address without a name and a password. */
export function withoutCredentials(url: URL): string {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  plain.search = '';
  return plain.href;
}

/** @returns the page, its type, and the address it came from in the end */
export async function readPage(
  url: URL,
  accept: string,
  options: WebOptions,
): Promise<{ text: string; type: string; url: URL }> {
  return await repeatedly(async () => {
    const { response, url: last } = await get(url, { accept }, options);
    if (response.statusCode !== 200) throw statusError(response);
    return { text: await text(response), type: response.headers['content-type'] ?? '', url: last };
  });
}

/** What of the file is there already is not fetched again. Whether it is the right one, the caller checks. */
export async function download(url: URL, file: string, options: WebOptions): Promise<void> {
  await repeatedly(async () => {
    const there = existsSync(file) ? statSync(file).size : 0;
    const range = there > 0 ? { range: `bytes=${String(there)}-` } : {};
    const { response } = await get(url, range, options);
    const { statusCode } = response;
    // The file has no more bytes than these.
    if (statusCode === 416 && there > 0) {
      response.resume();
      return;
    }
    if (statusCode !== 200 && statusCode !== 206) throw statusError(response);
    await pipeline(response, createWriteStream(file, { flags: statusCode === 206 ? 'a' : 'w' }));
  });
}

async function repeatedly<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (error instanceof RefusedError || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE_MS * 2 ** attempt);
    }
  }
}

function statusError(response: IncomingMessage): Error {
  response.resume();
  const status = response.statusCode ?? 0;
  const words = `it answers ${String(status)} ${response.statusMessage ?? ''}`.trim();
  return status >= 500 || status === 429 || status === 408 ? new Error(words) : new RefusedError(words);
}

async function get(
  url: URL,
  headers: Readonly<Record<string, string>>,
  options: WebOptions,
): Promise<{ response: IncomingMessage; url: URL }> {
  let current = url;
  for (let hops = 0; hops <= MOST_REDIRECTIONS; hops += 1) {
    const response = await getOnce(current, headers, options);
    const { location } = response.headers;
    const isRedirection = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0);
    if (!isRedirection || location === undefined) return { response, url: current };
    response.resume();
    const next = new URL(location, current);
    // Credentials are for the host that they were given for.
    if (next.host === current.host && next.username === '') {
      next.username = current.username;
      next.password = current.password;
    }
    current = next;
  }
  throw new RefusedError(`it redirects more than ${String(MOST_REDIRECTIONS)} times`);
}

async function getOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { certificates }: WebOptions,
): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  if (!isSecure && url.protocol !== 'http:') throw new RefusedError(`${url.protocol} is not understood here`);
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  const { username, password } = url;
  return await new Promise((resolve, reject) => {
    const options = {
      headers: { 'user-agent': 'modalmix', 'accept-encoding': 'identity', ...headers },
      timeout: SILENCE_MS,
      ...(username === '' ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
      ...(isSecure ? { agent: secureAgent(certificates) } : {}),
    };
    const request = (isSecure ? requestSecure : requestPlain)(bare, options, resolve);
    request.on('timeout', () => {
      request.destroy(new Error(`nothing came for ${String(SILENCE_MS / 1000)} s`));
    });
    request.on('error', reject);
    request.end();
  });
}

const agents = new Map<string, Agent>();

/** Through the proxies that the environment names, where this Node knows how (22.21, 24.5 and later). */
function secureAgent(certificates = ''): Agent {
  const known = agents.get(certificates);
  if (known !== undefined) return known;
  const extra = process.env['NODE_EXTRA_CA_CERTS'];
  const files = [certificates, extra ?? ''].filter((file) => file !== '' && existsSync(file));
  const settings = {
    proxyEnv: process.env,
    // To name any is to replace Node's own.
    ...(certificates === ''
      ? {}
      : { ca: [...rootCertificates, ...files.map((file) => readFileSync(file, 'utf8'))] }),
  };
  const agent = new Agent(settings);
  agents.set(certificates, agent);
  return agent;
}
