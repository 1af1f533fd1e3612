/**
 * Rows that shards of earlier versions have already: whose features need not be computed again. What is wanted and what the
 * earlier plans have are parted by the same key, so that however many there are, a part of each is in memory.
 */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { Split } from '../../../schemas/clip.ts';
import { Spill } from '../../store/spill.ts';
import type { Store } from '../../store/store.ts';
import { findShard } from '../manifest/shard-entries.ts';
import type { OpenPlan, PlanClip } from './plan-file.ts';
import { findPlan, linesThatCanBeRead } from './reusable-plans.ts';

/** How many plans back rows are looked for. */
const PLANS_SEARCHED = 8;
const PARTS = 256;
const KEY_LETTERS = 32;
const PART_LETTERS = 2;
const HEXADECIMAL = 16;

/** [key, index of the shard's line, place in it] of a clip whose row is wanted. */
type Wanted = readonly [string, number, number];
/** [key, index of the line, its split, its key, clip's id] of an earlier plan's clip. */
type Earlier = readonly [string, number, Split, string, string];
/** [index of the shard's line, place in it, where the row is]. */
export type FoundRow = readonly [number, number, NonNullable<PlanClip['reuse']>];

export interface FindReusableRowsOptions {
  readonly store: Store;
  readonly name: string;
  /** A local folder that the caller deletes. */
  readonly scratch: string;
  /** Equal for clips whose features are. */
  readonly sameFeatures: (clip: PlanClip) => string;
  /** Clips in memory. Default: `HELD_RECORDS`. */
  readonly held?: number | undefined;
}

export class ReusableRowSearch {
  readonly #options: FindReusableRowsOptions;
  #wanted: Spill<Wanted>;
  #spills = 0;

  constructor(options: FindReusableRowsOptions) {
    this.#options = options;
    this.#wanted = this.#spill();
  }

  /** @param line index of the shard's line in the new plan */
  want(line: number, clips: readonly PlanClip[]): void {
    for (const [place, clip] of clips.entries()) {
      if (clip.problem !== undefined) continue;
      const key = this.#keyOf(clip);
      this.#wanted.add(partOf(key), [key, line, place]);
    }
  }

  /**
   * Asks the latest plan and those before it.
   *
   * @param take is given each row that was found, in any order
   */
  async find(latest: string | undefined, take: (found: FoundRow) => void): Promise<void> {
    const { store, name } = this.#options;
    let version = latest;
    for (let depth = 0; depth < PLANS_SEARCHED && version !== undefined; depth += 1) {
      if (this.#wanted.total === 0) return;
      const plan = await findPlan(store, name, version);
      if (plan === undefined) return;
      await this.#findIn(plan, take);
      version = plan.header.previous;
    }
  }

  /** Files are closed. */
  end(): void {
    this.#wanted.end();
  }

  async #findIn(plan: OpenPlan, take: (found: FoundRow) => void): Promise<void> {
    const { store, name } = this.#options;
    const wanted = this.#wanted;
    const missing = this.#spill();
    const shards = new CompleteShards(store, name);
    if (wanted.inMemory) {
      const open = new OpenRows();
      for (let part = 0; part < wanted.parts; part += 1) open.add(await wanted.all(part));
      for await (const earlier of this.#clipsOf(plan)) {
        if (open.size === 0) break;
        await open.meet(earlier, shards, take);
      }
      for (const one of open.left()) missing.add(partOf(one[0]), one);
    } else {
      const earlier = this.#spill<Earlier>();
      try {
        for await (const one of this.#clipsOf(plan)) earlier.add(partOf(one[0]), one);
        for (let part = 0; part < wanted.parts; part += 1) {
          const open = new OpenRows();
          open.add(await wanted.all(part));
          for await (const block of earlier.read(part)) {
            for (const one of block) await open.meet(one, shards, take);
          }
          for (const one of open.left()) missing.add(part, one);
          await Promise.all([wanted.drop(part), earlier.drop(part)]);
        }
      } finally {
        earlier.end();
      }
    }
    wanted.end();
    this.#wanted = missing;
  }

  async *#clipsOf(plan: OpenPlan): AsyncGenerator<Earlier> {
    let line = 0;
    for await (const { split, key, clips } of linesThatCanBeRead(plan)) {
      for (const clip of clips) yield [this.#keyOf(clip), line, split, key, clip.clipId];
      line += 1;
    }
  }

  #keyOf(clip: PlanClip): string {
    return hash('sha256', this.#options.sameFeatures(clip)).slice(0, KEY_LETTERS);
  }

  #spill<T extends readonly unknown[] = Wanted>(): Spill<T> {
    const folder = join(this.#options.scratch, `reuse-${String(this.#spills)}`);
    this.#spills += 1;
    return new Spill<T>(folder, PARTS, this.#options.held);
  }
}

function partOf(key: string): number {
  return parseInt(key.slice(0, PART_LETTERS), HEXADECIMAL);
}

/** Rows that nobody has been found for yet, by their key. */
class OpenRows {
  readonly #byKey = new Map<string, Wanted[]>();

  add(wanted: readonly Wanted[]): void {
    for (const one of wanted) {
      const same = this.#byKey.get(one[0]);
      if (same === undefined) this.#byKey.set(one[0], [one]);
      else same.push(one);
    }
  }

  get size(): number {
    return this.#byKey.size;
  }

  async meet(
    [key, line, split, shard, clipId]: Earlier,
    shards: CompleteShards,
    take: (found: FoundRow) => void,
  ): Promise<void> {
    const same = this.#byKey.get(key);
    if (same === undefined) return;
    if (!(await shards.has(line, split, shard, clipId))) return;
    for (const [, to, place] of same) take([to, place, { split, key: shard, clipId }]);
    this.#byKey.delete(key);
  }

  *left(): Generator<Wanted> {
    for (const same of this.#byKey.values()) yield* same;
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Which of a plan's shards are there, each looked for once, and which clips they lack. */
class CompleteShards {
  readonly #store: Store;
  readonly #name: string;
  readonly #lost = new Map<number, ReadonlySet<string> | undefined>();

  constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  async has(line: number, split: Split, key: string, clipId: string): Promise<boolean> {
    if (!this.#lost.has(line)) {
      const entry = await findShard(this.#store, this.#name, split, key);
      const lost = entry?.quarantined.map((one) => one.clipId);
      this.#lost.set(line, lost?.length === 0 ? NONE : lost && new Set(lost));
    }
    const lost = this.#lost.get(line);
    return lost?.has(clipId) === false;
  }
}
