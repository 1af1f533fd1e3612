/** Errors on their way to a page: what, where, what to do; never a stack, never a secret. */
import type { Context } from 'hono';
import { withoutSecrets } from '../../pipelines/process/secrets.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Problem } from '../wire.ts';

export function problemOf(error: unknown): Problem {
  if (!(error instanceof ModalmixError) || error.kind === 'internal') {
    return { message: 'this could not be done, for a reason that is a mistake of ours' };
  }
  const { message, where, fix } = error;
  return {
    message: withoutSecrets(message),
    ...(where === undefined ? {} : { where: withoutSecrets(where) }),
    ...(fix === undefined ? {} : { fix: withoutSecrets(fix) }),
  };
}

/** In one line. */
export function problemText(error: unknown): string {
  const { message, where } = problemOf(error);
  return where === undefined ? message : `${where}: ${message}`;
}

export function answerProblem(error: unknown, c: Context) {
  const kind = error instanceof ModalmixError ? error.kind : 'internal';
  const status = kind === 'config' || kind === 'input' ? 400 : kind === 'transient' ? 503 : 500;
  return c.json({ error: problemOf(error) }, status);
}

/** @returns an answer for what is not there */
export function notThere(what: string): ModalmixError {
  return new ModalmixError('input', `${what} is not there`);
}
