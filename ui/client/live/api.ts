/** Questions to the page's server. */
import type { Problem } from '../../wire.ts';

export class Refused extends Error {
  override readonly name = 'Refused';
  readonly problem: Problem;
  readonly status: number;

  constructor(problem: Problem, status: number) {
    super(problem.message);
    this.problem = problem;
    this.status = status;
  }
}

const meta = (name: string) => document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';

export const mayStartFiles = meta('may-start-files') === 'yes';

/** @throws Refused with the server's words */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  return await answer<T>(await fetch(path, signal === undefined ? {} : { signal }));
}

/** @throws Refused with the server's words */
export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  const headers = { 'content-type': 'application/json', 'x-modalmix-page': meta('csrf') };
  return await answer<T>(await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) }));
}

async function answer<T>(response: Response): Promise<T> {
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as T;
  const problem = (body as { error?: Problem } | undefined)?.error;
  throw new Refused(
    problem ?? { message: `the server answered ${String(response.status)}` },
    response.status,
  );
}

/** Whether the same question may be answered a little later. */
export function mayPass(error: unknown): boolean {
  return !(error instanceof Refused) || error.status >= 500;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  return { message: 'the server does not answer; is "modalmix ui" still running?' };
}
