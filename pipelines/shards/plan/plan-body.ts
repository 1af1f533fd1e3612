/** A new plan's lines on their way: first as they are cut, then with where their rows can be taken from. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ShardEntry } from '../../../schemas/manifest.ts';
import { Spill } from '../../store/spill.ts';
import type { Store } from '../../store/store.ts';
import type { FoundRow } from './find-reusable-rows.ts';
import type { PlanClip, PlanContent, PlanLine } from './plan-file.ts';
import { PlanBodyWriter, publishPlan } from './plan-writer.ts';

/** Of clips that go to quarantine, as many are told by name. */
const PROBLEMS_KEPT = 1_000;
const FOUND_PARTS = 256;

export type PlanProblem = Pick<PlanClip, 'clipId' | 'path' | 'problem'>;

/** What a plan's lines add up to. */
export class PlanTally {
  readonly toBuild: number[] = [];
  readonly firstProblems: PlanProblem[] = [];
  shards = 0;
  problems = 0;
  rowsToWrite = 0;
  rowsThere = 0;
  bytesThere = 0;

  /**
   * @param entry of the line's shard, where that is there
   * @returns whether the shard has to be built
   */
  add({ clips }: PlanLine, entry: ShardEntry | undefined): boolean {
    let usable = 0;
    for (const { clipId, path, problem } of clips) {
      if (problem === undefined) usable += 1;
      else if (this.firstProblems.length < PROBLEMS_KEPT) this.firstProblems.push({ clipId, path, problem });
    }
    this.problems += clips.length - usable;
    if (entry === undefined) {
      this.toBuild.push(this.shards);
      this.rowsToWrite += usable;
    } else {
      this.rowsThere += entry.rows;
      this.bytesThere += entry.bytes;
    }
    this.shards += 1;
    return entry === undefined;
  }
}

/** Rows that earlier shards have, by the lines that want them. */
export class FoundRows {
  readonly #spill: Spill<FoundRow>;
  readonly #linesOfPart: number;

  /** @param lines of the plan */
  constructor(folder: string, lines: number, held?: number) {
    this.#linesOfPart = Math.max(1, Math.ceil(lines / FOUND_PARTS));
    this.#spill = new Spill(folder, FOUND_PARTS, held);
  }

  get total(): number {
    return this.#spill.total;
  }

  add(found: FoundRow): void {
    this.#spill.add(Math.floor(found[0] / this.#linesOfPart), found);
  }

  /** Of each line in turn, from the first one on. */
  async *byLine(): AsyncGenerator<readonly FoundRow[]> {
    for (let part = 0; part < FOUND_PARTS; part += 1) {
      const lines = Array.from({ length: this.#linesOfPart }, (): FoundRow[] => []);
      for (const found of await this.#spill.all(part)) lines[found[0] % this.#linesOfPart]!.push(found);
      yield* lines;
    }
  }

  end(): void {
    this.#spill.end();
  }
}

export class PlanBody {
  readonly #scratch: string;
  readonly #cut: string;
  #writer: PlanBodyWriter | undefined;

  constructor(scratch: string) {
    this.#scratch = scratch;
    this.#cut = join(scratch, 'cut.jsonl');
  }

  async add(line: PlanLine): Promise<void> {
    this.#writer ??= await PlanBodyWriter.begin(this.#cut);
    await this.#writer.add(line);
  }

  /** Once, after the last line. */
  async publish(store: Store, content: PlanContent, found: FoundRows): Promise<void> {
    this.#writer ??= await PlanBodyWriter.begin(this.#cut);
    const facts = await this.#writer.end();
    if (found.total === 0) {
      await publishPlan(store, content, this.#cut, facts);
      return;
    }
    const file = join(this.#scratch, 'plan.jsonl');
    this.#writer = await PlanBodyWriter.begin(file);
    const rows = found.byLine();
    const cut = await open(this.#cut);
    try {
      for (const bytes of facts.lineBytes) {
        const text = Buffer.allocUnsafe(bytes);
        await cut.read(text, 0, bytes);
        const line = JSON.parse(text.toString('utf8')) as PlanLine;
        const { value } = (await rows.next()) as { value: readonly FoundRow[] };
        for (const [, place, reuse] of value) line.clips[place]!.reuse = reuse;
        await this.#writer.add(line);
      }
    } finally {
      await cut.close();
    }
    await publishPlan(store, content, file, await this.#writer.end());
  }

  /** Also for whoever stops before the end. */
  async close(): Promise<void> {
    await this.#writer?.close();
  }
}
