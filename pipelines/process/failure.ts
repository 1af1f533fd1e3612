/** Errors as they go from a process or thread to the one that asked it. */
import { ModalmixError, type ErrorKind } from '../../schemas/errors.ts';
import { asFullDisk } from '../../schemas/full-disk.ts';

/** Can be cloned. */
export interface Failure {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly where?: string | undefined;
  readonly fix?: string | undefined;
}

/** @returns `internal` for what is no error of ours; a disk without space is one of ours wherever it was met */
export function failureOf(thrown: unknown): Failure {
  const error = asFullDisk(thrown);
  if (error instanceof ModalmixError) {
    const { kind, message, where, fix } = error;
    return { kind, message, where, fix };
  }
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/** The error again, without its cause. */
export function errorOfFailure({ kind, message, where, fix }: Failure): ModalmixError {
  return new ModalmixError(kind, message, {
    ...(where === undefined ? {} : { where }),
    ...(fix === undefined ? {} : { fix }),
  });
}
