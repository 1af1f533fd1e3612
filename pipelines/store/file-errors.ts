/** What the system said about a file, as one of our errors where somebody can do something about it. */
import { ModalmixError } from '../../schemas/errors.ts';
import { asFullDisk } from '../../schemas/full-disk.ts';

export function asFileError(error: unknown, file: string): unknown {
  if (error instanceof ModalmixError) return error;
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return asFullDisk(error, file);
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
