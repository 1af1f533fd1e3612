/** Splits by hash, so that a clip stays in its split when others come or go. */
import { createHash } from 'node:crypto';
import type { Clip } from '../../schemas/clip.ts';
import type { ListedClip } from './dataset-adapter.ts';

const HASH_BYTES = 6;

/** Every clip with its split: the dataset's own, or by hash; then validation is cut out of train. */
export function splitClips(
  clips: readonly ListedClip[],
  shares: { readonly test: number; readonly validation: number },
): Clip[] {
  const unsplit = clips.filter((clip) => clip.split === undefined);
  const test = chooseUnits(unsplit.map(unitOf), shares.test, 'test');
  const split = clips.map((clip): Clip => ({
    ...clip,
    split: clip.split ?? (test.has(unitOf(clip)) ? 'test' : 'train'),
  }));
  // A validation split that the dataset brings along is used as it is.
  if (split.some((clip) => clip.split === 'validation')) return split;
  const training = split.filter((clip) => clip.split === 'train');
  const validation = chooseUnits(training.map(unitOf), shares.validation, 'validation');
  return split.map((clip) =>
    clip.split === 'train' && validation.has(unitOf(clip)) ? { ...clip, split: 'validation' } : clip,
  );
}

/** What is kept together. */
function unitOf(clip: ListedClip): string {
  return clip.group ?? clip.clipId;
}

/**
 * The units whose hash lies in the first `share` of all hashes; at least the one with the smallest, when
 * there are two units or more and the share is not 0.
 */
function chooseUnits(units: readonly string[], share: number, purpose: string): ReadonlySet<string> {
  const places = new Map(units.map((unit) => [unit, hashPlace(purpose, unit)]));
  const chosen = [...places].filter(([, place]) => place < share).map(([unit]) => unit);
  if (chosen.length > 0 || share === 0 || places.size < 2) return new Set(chosen);
  const [first] = [...places].sort(([, a], [, b]) => a - b);
  return new Set(first === undefined ? [] : [first[0]]);
}

/** In [0, 1). */
function hashPlace(purpose: string, unit: string): number {
  const digest = createHash('sha256').update(`${purpose}\0${unit}`).digest();
  return digest.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES);
}
