/** A disk without space: told in one sentence, wherever it was met. */
import { ModalmixError } from './errors.ts';

const SENTENCES = {
  ENOSPC: 'the disk is full',
  EDQUOT: "the user's share of the disk is used up",
} as const;
const SOMEWHERE = 'the disk of the store, or the one for temporary files';

/**
 * An error that says that there is no space, as one of ours, of kind `transient`; any other as it is.
 *
 * @param where the file; default: the one that the error names
 */
export function asFullDisk(error: unknown, where?: string): unknown {
  const code = fullDiskCode(error);
  if (code === undefined || error instanceof ModalmixError) return error;
  const path =
    error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  return new ModalmixError('transient', SENTENCES[code], {
    where: where ?? path ?? SOMEWHERE,
    fix: 'Free some space; the run goes on by itself.',
    cause: error,
  });
}

/** Whether it says that there is no space; also one that came from another process. */
export function saysFullDisk(error: unknown): boolean {
  if (error instanceof ModalmixError) return Object.values<string>(SENTENCES).includes(error.message);
  return fullDiskCode(error) !== undefined;
}

/** By the system's code; of TensorFlow, which tells none, by the system's words. */
function fullDiskCode(error: unknown): keyof typeof SENTENCES | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return code;
  if (code !== undefined) return undefined;
  if (/no space left on device/iu.test(error.message)) return 'ENOSPC';
  return /disk quota exceeded/iu.test(error.message) ? 'EDQUOT' : undefined;
}
