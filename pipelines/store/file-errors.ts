/** What the system said about a file, as one of our errors where somebody can do something about it. */
import { ModalmixError } from '../../schemas/errors.ts';

/** What is said of a disk without space, wherever it was met. */
const FULL = 'the disk is full';
const FULL_QUOTA = "the user's share of the disk is used up";

export function asFileError(error: unknown, file: string): unknown {
  if (error instanceof ModalmixError) return error;
  switch (fullDiskCode(error) ?? codeOf(error)) {
    case 'ENOSPC':
      return fullDisk(FULL, file, error);
    case 'EDQUOT':
      return fullDisk(FULL_QUOTA, file, error);
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

function fullDisk(message: string, where: string, cause: unknown): ModalmixError {
  const fix = 'Free some space; the run goes on by itself.';
  return new ModalmixError('transient', message, { where, fix, cause });
}

/** An error that says that there is no space, in one sentence; any other as it is. */
export function asFullDisk(error: unknown): unknown {
  if (fullDiskCode(error) === undefined || error instanceof ModalmixError) return error;
  const path =
    error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return asFileError(error, path ?? 'the disk of the store, or the one for temporary files');
}

/** Whether it says that there is no space; also one that came from another process. */
export function saysFullDisk(error: unknown): boolean {
  if (error instanceof ModalmixError && [FULL, FULL_QUOTA].includes(error.message)) return true;
  return fullDiskCode(error) !== undefined;
}

/** By the system's code; of TensorFlow, which tells none, by the system's words. */
function fullDiskCode(error: unknown): 'ENOSPC' | 'EDQUOT' | undefined {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return code;
  if (!(error instanceof Error) || code !== undefined) return undefined;
  if (/no space left on device/iu.test(error.message)) return 'ENOSPC';
  return /disk quota exceeded/iu.test(error.message) ? 'EDQUOT' : undefined;
}

/** The system's own code, e.g. `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
