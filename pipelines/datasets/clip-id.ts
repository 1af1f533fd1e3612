import { createHash } from 'node:crypto';

/**
 * A clip id from any text: letters, digits and `._/-` only. Text with other characters keeps apart from
 * its likes by a piece of its hash.
 */
export function clipIdOf(text: string): string {
  const safe = text.replace(/[^A-Za-z0-9._/-]/gu, '_');
  if (safe === text) return text;
  return `${safe}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}
