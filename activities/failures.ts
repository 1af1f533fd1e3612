/** A stage's error as Temporal sees it: the failure's type is the error's kind, which decides about retries. */
import { ApplicationFailure, CancelledFailure, type ActivityCancellationDetails } from '@temporalio/common';
import { withoutSecrets } from '../pipelines/process/secrets.ts';
import { asFullDisk, saysFullDisk } from '../schemas/full-disk.ts';
import { ModalmixError, describeError, isRetryable, type ErrorKind } from '../schemas/errors.ts';

/** What the operating system and the network report when trying again may help. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EBUSY',
  'EDQUOT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOSPC',
  'EPIPE',
  'ESTALE',
  'ETIMEDOUT',
]);

/** The facts of a failure beside its message, as `ApplicationFailure.details[0]`. */
export interface FailureFacts {
  readonly where?: string;
  readonly fix?: string;
}

/** A disk that is full is waited for so many tries, the last ones a minute apart: about a quarter of an hour. */
const MOST_TRIES_ON_FULL_DISK = 20;

/**
 * @param cancellation why the activity was cancelled, if it was
 * @param attempt the activity's, from 1
 */
export function toFailure(
  thrown: unknown,
  cancellation: Pick<ActivityCancellationDetails, 'workerShutdown'> | undefined,
  attempt = 1,
): ApplicationFailure | CancelledFailure {
  const error = asFullDisk(thrown);
  if (saysFullDisk(error) && attempt >= MOST_TRIES_ON_FULL_DISK) return stillFull(error, attempt);
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const kind = kindOf(error);
  if (kind === 'cancelled' && cancellation?.workerShutdown === true) {
    return ApplicationFailure.create({
      type: 'transient' satisfies ErrorKind,
      message: 'the worker was stopped; another one goes on from where it was',
      nextRetryDelay: '1 second',
    });
  }
  if (kind === 'cancelled') return new CancelledFailure(describeError(error));
  const facts: FailureFacts =
    error instanceof ModalmixError
      ? {
          ...(error.where === undefined ? {} : { where: withoutSecrets(error.where) }),
          ...(error.fix === undefined ? {} : { fix: withoutSecrets(error.fix) }),
        }
      : {};
  return ApplicationFailure.create({
    type: kind,
    message: withoutSecrets(error instanceof Error ? error.message : String(error)),
    nonRetryable: !isRetryable(kind),
    details: [facts],
    ...(error instanceof Error ? { cause: safeCause(error) } : {}),
  });
}

/** The same error where nothing in its chain holds a secret: histories keep words and stacks for long. */
function safeCause(error: Error): Error {
  const { message, stack = '', cause } = error;
  const safe = new Error(withoutSecrets(message));
  safe.name = error.name;
  safe.stack = withoutSecrets(stack);
  const inner = cause instanceof Error ? safeCause(cause) : undefined;
  const isSafe = safe.message === message && safe.stack === stack && (inner === undefined || inner === cause);
  if (isSafe) return error;
  if (inner !== undefined) safe.cause = inner;
  return safe;
}

function stillFull(error: unknown, attempt: number): ApplicationFailure {
  const where = error instanceof ModalmixError ? error.where : undefined;
  const facts: FailureFacts = {
    ...(where === undefined ? {} : { where }),
    fix: 'Free some space and run the same command again: it goes on from what is done.',
  };
  return ApplicationFailure.create({
    type: 'transient' satisfies ErrorKind,
    message: `${error instanceof Error ? error.message : String(error)}, and still was at try ${String(attempt)}`,
    nonRetryable: true,
    details: [facts],
  });
}

function kindOf(error: unknown): ErrorKind {
  if (error instanceof ModalmixError) return error.kind;
  if (!(error instanceof Error)) return 'internal';
  if (error.name === 'AbortError') return 'cancelled';
  return 'code' in error && typeof error.code === 'string' && TRANSIENT_CODES.has(error.code)
    ? 'transient'
    : 'internal';
}
