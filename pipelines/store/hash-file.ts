/** The hash by which files are told from damaged ones. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** What a processor's cache still holds when it is hashed. */
const PIECE_BYTES = 2 ** 18;
/** Kept: the collector would go over the whole heap for every few dozen pieces of fresh memory. */
const sparePieces: Buffer[] = [];

/**
 * @param size when it is known: no more is read, not even to find that there is none
 * @returns in hexadecimal
 */
export async function hashFile(path: string, size = Infinity): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  const piece = sparePieces.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  try {
    for (let left = size; left > 0;) {
      const { bytesRead } = await file.read(piece, 0, Math.min(PIECE_BYTES, left), null);
      if (bytesRead === 0) break;
      hash.update(piece.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return hash.digest('hex');
  } finally {
    sparePieces.push(piece);
    await file.close();
  }
}
