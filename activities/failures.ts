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
          ...(error.where === undefined ? {} : { where: told(error.where, MOST_BYTES.where) }),
          ...(error.fix === undefined ? {} : { fix: told(error.fix, MOST_BYTES.fix) }),
        }
      : {};
  const cause = error instanceof Error ? causeOf(error, MOST_BYTES.causes) : undefined;
  const failure = ApplicationFailure.create({
    type: kind,
    message: told(error instanceof Error ? error.message : String(error), MOST_BYTES.message),
    nonRetryable: !isRetryable(kind),
    details: [facts],
    ...(cause === undefined ? {} : { cause }),
  });
  // Where it was made says nothing: where the error was, the cause's does.
  failure.stack = '';
  return failure;
}

/**
 * Of an activity that is tried again the server keeps failures of 4,096 bytes, signature included, and "Failure exceeds size
 * limit" in place of larger ones: nobody would learn what it waits for.
 */
const MOST_BYTES = {
  message: 800,
  where: 500,
  fix: 400,
  causes: [
    { message: 300, stack: 600 },
    { message: 200, stack: 200 },
  ],
} as const;
type CauseBytes = (typeof MOST_BYTES.causes)[number];

/** Without secrets, as histories keep words for long, and within so many bytes of UTF-8. */
function told(text: string, mostBytes: number): string {
  const bytes = Buffer.from(withoutSecrets(text));
  if (bytes.length <= mostBytes) return bytes.toString();
  let end = mostBytes - Buffer.byteLength('…');
  // Not within a character.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString('utf8', 0, end)}…`;
}

/** A short form of an error and of what caused it. */
function causeOf(error: Error, [most, ...others]: readonly CauseBytes[]): Error | undefined {
  if (most === undefined) return undefined;
  const short = new Error(told(error.message, most.message));
  short.name = error.name;
  const { stack = '' } = error;
  const [, ...lines] = stack.slice(stack.indexOf('\n    at ')).split('\n');
  short.stack = told([`${short.name}: ${short.message}`, ...lines].join('\n'), most.message + most.stack);
  const inner = error.cause instanceof Error ? causeOf(error.cause, others) : undefined;
  if (inner !== undefined) short.cause = inner;
  return short;
}

function stillFull(error: unknown, attempt: number): ApplicationFailure {
  const where = error instanceof ModalmixError ? error.where : undefined;
  const facts: FailureFacts = {
    ...(where === undefined ? {} : { where: told(where, MOST_BYTES.where) }),
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
