/** Splits by hash, so that a clip stays in its split when others come or go. */
import type { Clip, Split } from '../../schemas/clip.ts';
import type { ListedClip } from './dataset-adapter.ts';
import { Draw } from './draw-units.ts';

/** Lists that have this share of the test clips' groups in train too ask for known groups: so must validation. */
const KNOWN_GROUPS_SHARE = 0.5;

/**
 * How validation is cut out of train:
 * - `clip`: by clip, as the lists share their groups between train and test, or there are none;
 * - `group`: whole groups, as no list shares them;
 * - `own`: the dataset brings a validation split along.
 */
export type ValidationUnit = 'clip' | 'group' | 'own';

export interface SplitShares {
  readonly test: number;
  readonly validation: number;
}

/**
 * Every clip's split: the dataset's own, or by hash; then validation is cut out of train, so that it asks
 * what the test asks. Where the dataset brings its test along, validation is stratified by class; a group that the
 * test has, too, stays whole in train or is drawn from by clip, so that no test clip becomes one of an unseen group.
 *
 * It looks at all clips once or twice, in any order, each with an id of its own; then it answers:
 *
 *     for (const clip of clips) rule.look(clip);
 *     if (rule.looksAgain()) for (const clip of clips) rule.lookAgain(clip);
 *     rule.end();
 */
export class SplitRule {
  readonly #shares: SplitShares;
  readonly #test: Draw;
  #validation: Draw;
  #unit: ValidationUnit = 'clip';
  #listedTest = false;
  #listedValidation = false;
  #hasGroups = false;
  #testClips = 0;
  /** Of clips with a split of their own: whether the group trains, and how many of its clips test. */
  readonly #groups = new Map<string, { train: boolean; test: number }>();

  constructor(shares: SplitShares) {
    this.#shares = shares;
    this.#test = new Draw('test', shares.test, 'threshold');
    this.#validation = new Draw('validation', 0, 'threshold');
  }

  look({ clipId, label, group, split }: ListedClip): void {
    if (group !== undefined) this.#hasGroups = true;
    if (split === undefined) {
      if (group === undefined) this.#test.addAlone(clipId, label);
      else this.#test.addToGroup(group, label);
      return;
    }
    if (split === 'validation') {
      this.#listedValidation = true;
      return;
    }
    if (split === 'test') {
      this.#listedTest = true;
      this.#testClips += 1;
    }
    if (group === undefined) return;
    let facts = this.#groups.get(group);
    if (facts === undefined) this.#groups.set(group, (facts = { train: false, test: 0 }));
    if (split === 'train') facts.train = true;
    else facts.test += 1;
  }

  /** @returns whether `lookAgain` is needed of each clip */
  looksAgain(): boolean {
    this.#test.draw();
    this.#unit = this.#validationUnit();
    if (this.#unit === 'own' || this.#shares.validation === 0) return false;
    this.#validation = new Draw(
      'validation',
      this.#shares.validation,
      this.#listedTest ? 'rank' : 'threshold',
    );
    return true;
  }

  lookAgain(clip: ListedClip): void {
    if (this.#firstSplit(clip) !== 'train' || this.#staysInTrain(clip)) return;
    const { clipId, label, group } = clip;
    if (this.#unit === 'clip' || group === undefined) this.#validation.addAlone(clipId, label);
    else this.#validation.addToGroup(group, label);
  }

  end(): void {
    this.#validation.draw();
  }

  splitOf(clip: ListedClip): Split {
    const split = this.#firstSplit(clip);
    if (split !== 'train' || this.#staysInTrain(clip)) return split;
    const { clipId, label, group } = clip;
    const validates =
      this.#unit === 'clip' || group === undefined
        ? this.#validation.hasAlone(clipId, label)
        : this.#validation.hasGroup(group);
    return validates ? 'validation' : 'train';
  }

  /** Known once `looksAgain` was asked. */
  get unit(): ValidationUnit {
    return this.#unit;
  }

  /** Whether clips came with the split test. */
  get listedTest(): boolean {
    return this.#listedTest;
  }

  #validationUnit(): ValidationUnit {
    if (this.#listedValidation) return 'own';
    if (!this.#hasGroups) return 'clip';
    let known = 0;
    for (const { train, test } of this.#groups.values()) if (train) known += test;
    return known > KNOWN_GROUPS_SHARE * this.#testClips ? 'clip' : 'group';
  }

  /** Before validation is cut out of it. */
  #firstSplit({ clipId, label, group, split }: ListedClip): Split {
    if (split !== undefined) return split;
    const tests = group === undefined ? this.#test.hasAlone(clipId, label) : this.#test.hasGroup(group);
    return tests ? 'test' : 'train';
  }

  /** Of a group that the test has, where groups are kept whole. */
  #staysInTrain({ group }: ListedClip): boolean {
    if (this.#unit !== 'group' || group === undefined) return false;
    return (this.#groups.get(group)?.test ?? 0) > 0 || this.#test.hasGroup(group);
  }
}

/** Every clip with its split by `SplitRule`. */
export function splitClips(clips: readonly ListedClip[], shares: SplitShares): Clip[] {
  const rule = new SplitRule(shares);
  for (const clip of clips) rule.look(clip);
  if (rule.looksAgain()) for (const clip of clips) rule.lookAgain(clip);
  rule.end();
  return clips.map((clip) => ({ ...clip, split: rule.splitOf(clip) }));
}
