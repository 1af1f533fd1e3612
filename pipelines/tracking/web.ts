/** Requests to other people's servers, whose answers decide whether the same request is sent again. */
import { ModalmixError } from '../../schemas/errors.ts';

/** The server asks to be left alone for so long. */
export class AskAgainLater extends ModalmixError {
  readonly afterMs: number;

  constructor(message: string, where: string, afterMs: number) {
    super('transient', message, { where });
    this.afterMs = afterMs;
  }
}

const LONGEST_WAIT_MS = 3_600_000;
/** No wait at all would be taken for no further try; and a server that says "at once" is not to be rushed at. */
const SHORTEST_WAIT_MS = 1_000;
/** Besides 5xx: timeout, too early, too many. */
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 425, 429]);

export interface WebRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until the answer's head is there. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** What of an address may be shown: paths and queries of webhooks are often secrets themselves. */
export function shownAddress(url: string): string {
  const { origin, pathname, search } = new URL(url);
  return pathname === '/' && search === '' ? origin : `${origin}/…`;
}

/**
 * Follows no redirect, and waits no longer than `timeoutMs`.
 *
 * @returns the answer, whatever its status; its body is to be read or cancelled
 * @throws ModalmixError `transient` when there is none; `cancelled` when the signal said so
 */
export async function ask(request: WebRequest): Promise<Response> {
  const { url, method = 'GET', headers, body, timeoutMs, signal } = request;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    return await fetch(url, {
      method,
      redirect: 'manual',
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    });
  } catch (cause) {
    const where = shownAddress(url);
    if (signal?.aborted === true) throw new ModalmixError('cancelled', 'stopped', { where, cause });
    const why = late.aborted
      ? `it did not answer within ${String(timeoutMs / 1_000)} s`
      : `it cannot be reached: ${reasonOf(cause)}`;
    throw new ModalmixError('transient', why, { where, cause });
  }
}

/** What `fetch` hides in its error's causes. */
function reasonOf(error: unknown): string {
  let message = String(error);
  for (let here = error; here instanceof Error; here = here.cause) {
    message = here.message === '' && 'code' in here ? String(here.code) : here.message;
  }
  return message;
}

/**
 * @param what the server is said to have refused, e.g. `the notice`
 * @throws ModalmixError `transient` where the same request may be taken later; `config` where it will not
 */
export function refuseAnswer(response: Response, url: string, what: string, words = ''): never {
  const where = shownAddress(url);
  const { status } = response;
  const said = `it answered ${what} with ${String(status)}${words === '' ? '' : `: ${words}`}`;
  if (status >= 500 || TRANSIENT_STATUS.has(status)) {
    const afterMs = waitAsked(response.headers.get('retry-after'));
    if (afterMs !== undefined) throw new AskAgainLater(said, where, afterMs);
    throw new ModalmixError('transient', said, { where });
  }
  const fix =
    status >= 300 && status < 400
      ? 'Redirects are not followed: name the address that it leads to.'
      : status === 410
        ? 'Nobody listens there any more: take it out of the config.'
        : 'Check the address and the credentials.';
  throw new ModalmixError('config', said, { where, fix });
}

/** Seconds, or a date. */
function waitAsked(header: string | null): number | undefined {
  if (header === null || header === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, SHORTEST_WAIT_MS), LONGEST_WAIT_MS) : undefined;
}
