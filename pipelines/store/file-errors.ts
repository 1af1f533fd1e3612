/** What the system said about a file, as one of our errors where somebody can do something about it. */
import { ModalmixError } from '../../schemas/errors.ts';

export function asFileError(error: unknown, file: string): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
      return new ModalmixError('transient', 'the disk is full', {
        where: file,
        fix: 'Free some space; the run goes on by itself.',
        cause: error,
      });
    case 'EACCES':
    case 'EROFS':
      return new ModalmixError('config', 'the store cannot be written', {
        where: file,
        fix: 'Give this user write access, or choose another folder in "store".',
        cause: error,
      });
    default:
      return error;
  }
}

/** The system's own code, e.g. `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
