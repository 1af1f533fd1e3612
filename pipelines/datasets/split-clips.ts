/** Splits by hash, so that a clip stays in its split when others come or go. */
import { createHash } from 'node:crypto';
import type { Clip } from '../../schemas/clip.ts';
import type { ListedClip } from './dataset-adapter.ts';

const HASH_BYTES = 6;
/** Lists that have this share of the test clips' groups in train too ask for known groups: so must validation. */
const KNOWN_GROUPS_SHARE = 0.5;

/**
 * How validation is cut out of train:
 * - `clip`: by clip, as the lists share their groups between train and test, or there are none;
 * - `group`: whole groups, as no list shares them;
 * - `own`: the dataset brings a validation split along.
 */
export type ValidationUnit = 'clip' | 'group' | 'own';

export function validationUnit(clips: readonly ListedClip[]): ValidationUnit {
  if (clips.some((clip) => clip.split === 'validation')) return 'own';
  if (clips.every((clip) => clip.group === undefined)) return 'clip';
  const training = groupsOf(clips, 'train');
  const test = clips.filter((clip) => clip.split === 'test');
  const known = test.filter((clip) => training.has(unitOf(clip))).length;
  return known > KNOWN_GROUPS_SHARE * test.length ? 'clip' : 'group';
}

/**
 * Every clip with its split: the dataset's own, or by hash; then validation is cut out of train, so that it asks
 * what the test asks. Where the dataset brings its test along, validation is stratified by class; a group that the
 * test has, too, stays whole in train or is drawn from by clip, so that no test clip becomes one of an unseen group.
 */
export function splitClips(
  clips: readonly ListedClip[],
  shares: { readonly test: number; readonly validation: number },
): Clip[] {
  const unsplit = clips.filter((clip) => clip.split === undefined);
  const test = chooseByThreshold(strata(unsplit, unitOf), shares.test, 'test');
  const split = clips.map((clip): Clip => ({
    ...clip,
    split: clip.split ?? (test.has(unitOf(clip)) ? 'test' : 'train'),
  }));
  const kind = validationUnit(clips);
  if (kind === 'own') return split;
  const unit = kind === 'clip' ? (clip: ListedClip) => clip.clipId : unitOf;
  const inTest = kind === 'clip' ? new Set<string>() : groupsOf(split, 'test');
  const training = split.filter((clip) => clip.split === 'train' && !inTest.has(unit(clip)));
  const listed = clips.some((clip) => clip.split === 'test');
  const choose = listed ? chooseByRank : chooseByThreshold;
  const validation = choose(strata(training, unit), shares.validation, 'validation');
  return split.map((clip) =>
    clip.split === 'train' && validation.has(unit(clip)) ? { ...clip, split: 'validation' } : clip,
  );
}

/** What is kept together. */
function unitOf(clip: ListedClip): string {
  return clip.group ?? clip.clipId;
}

function groupsOf(clips: readonly ListedClip[], split: Clip['split']): ReadonlySet<string> {
  return new Set(clips.filter((clip) => clip.split === split).map(unitOf));
}

/** Units that are drawn among their likes: those of one class, and those with clips of several. */
type Strata = readonly (readonly string[])[];

function strata(clips: readonly ListedClip[], unit: (clip: ListedClip) => string): Strata {
  const classes = new Map<string, number | 'several'>();
  for (const clip of clips) {
    const name = unit(clip);
    const before = classes.get(name);
    classes.set(name, before === undefined || before === clip.label ? clip.label : 'several');
  }
  const members = new Map<number | 'several', string[]>();
  for (const [name, stratum] of classes) members.set(stratum, [...(members.get(stratum) ?? []), name]);
  return [...members.values()];
}

/**
 * The units whose hash lies in the first `share` of all hashes; of a class that would have none, or nothing else,
 * one is taken or left when it has two or more, as of all together.
 */
function chooseByThreshold(units: Strata, share: number, purpose: string): ReadonlySet<string> {
  if (share === 0) return new Set();
  const chosen = units.flatMap((stratum) => {
    const sorted = byHash(stratum, purpose);
    const below = sorted.filter((unit) => hashPlace(purpose, unit) < share).length;
    return sorted.slice(0, sorted.length < 2 ? below : Math.min(Math.max(below, 1), sorted.length - 1));
  });
  return atLeastOne(chosen, units.flat(), purpose);
}

/** The `share` of each stratum with the smallest hashes, rounded to whole units. */
function chooseByRank(units: Strata, share: number, purpose: string): ReadonlySet<string> {
  if (share === 0) return new Set();
  const chosen = units.flatMap((stratum) =>
    byHash(stratum, purpose).slice(0, Math.round(share * stratum.length)),
  );
  return atLeastOne(chosen, units.flat(), purpose);
}

/** The unit with the smallest hash when none was chosen of two or more. */
function atLeastOne(chosen: readonly string[], all: readonly string[], purpose: string): ReadonlySet<string> {
  return new Set(chosen.length > 0 || all.length < 2 ? chosen : byHash(all, purpose).slice(0, 1));
}

function byHash(units: readonly string[], purpose: string): string[] {
  return units
    .map((unit) => ({ unit, place: hashPlace(purpose, unit) }))
    .sort((a, b) => a.place - b.place)
    .map(({ unit }) => unit);
}

/** In [0, 1). */
function hashPlace(purpose: string, unit: string): number {
  const digest = createHash('sha256').update(`${purpose}\0${unit}`).digest();
  return digest.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES);
}
