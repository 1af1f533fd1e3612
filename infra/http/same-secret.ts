/** Secrets that a request brings. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Takes a time that tells nothing of where they differ: hashes are of one length, and say nothing of how much was right. */
export function isSameSecret(given: string, wanted: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(wanted));
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
