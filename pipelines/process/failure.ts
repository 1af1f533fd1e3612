/** Errors as they go from a process or thread to the one that asked it. */
import { ModalmixError, type ErrorKind } from '../../schemas/errors.ts';

/** Can be cloned. */
export interface Failure {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly where?: string | undefined;
  readonly fix?: string | undefined;
}

/** @returns `internal` for what is no error of ours */
export function failureOf(error: unknown): Failure {
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
