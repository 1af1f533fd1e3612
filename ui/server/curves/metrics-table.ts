/** The lines of a training's `metrics.jsonl` as columns of numbers; what was read stays, and a longer file is read on. */
import { setImmediate as breathe } from 'node:timers/promises';
import { storePaths } from '../../../schemas/names.ts';
import { isRecord } from '../../../schemas/is-record.ts';
import type { Store } from '../../../pipelines/store/store.ts';

/** Read and parsed at once, so that the page's other questions are answered in between. */
const PIECE_BYTES = 1 * 2 ** 20;
const FIRST_ROWS = 256;

export class MetricsTable {
  readonly #store: Store;
  readonly #path: string;
  #columns = new Map<string, Float64Array>();
  #rows = 0;
  #capacity = FIRST_ROWS;
  /** Of whole lines that were read. */
  #bytes = 0;
  #lastLine: { readonly at: number; readonly text: string } | undefined;
  #reading: Promise<void> | undefined;

  constructor(store: Store, trainingId: string) {
    this.#store = store;
    this.#path = storePaths.metrics(trainingId);
  }

  get rows(): number {
    return this.#rows;
  }

  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /** @returns undefined for a column that is none; NaN where a line has no value */
  column(name: string): Float64Array | undefined {
    return this.#columns.get(name)?.subarray(0, this.#rows);
  }

  /** Reads what was added; everything again where the file is another one. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const size = (await this.#store.size(this.#path)) ?? 0;
    if (size < this.#bytes || !(await this.#hasLastLine())) this.#clear();
    let rest: Buffer = Buffer.alloc(0);
    for (let from = this.#bytes; from < size; from += PIECE_BYTES) {
      const piece = await this.#store.range(this.#path, from, Math.min(PIECE_BYTES, size - from));
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      const end = bytes.lastIndexOf(10) + 1;
      this.#add(bytes.subarray(0, end));
      rest = bytes.subarray(end);
      await breathe();
    }
  }

  /** A training that was set back writes its file anew. */
  async #hasLastLine(): Promise<boolean> {
    if (this.#lastLine === undefined) return true;
    const { at, text } = this.#lastLine;
    const bytes = await this.#store.range(this.#path, at, Buffer.byteLength(text)).catch(() => undefined);
    return bytes?.toString('utf8') === text;
  }

  #clear(): void {
    this.#columns = new Map();
    this.#rows = 0;
    this.#capacity = FIRST_ROWS;
    this.#bytes = 0;
    this.#lastLine = undefined;
  }

  #add(bytes: Buffer): void {
    let last = '';
    for (const line of bytes.toString('utf8').split('\n')) {
      if (line === '') continue;
      last = line;
      const record = parse(line);
      if (record === undefined) continue;
      if (this.#rows === this.#capacity) this.#grow();
      for (const [name, value] of valuesOf(record)) this.#set(name, value);
      this.#rows += 1;
    }
    this.#bytes += bytes.length;
    if (last !== '') this.#lastLine = { at: this.#bytes - Buffer.byteLength(last) - 1, text: last };
  }

  #set(name: string, value: number): void {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = new Float64Array(this.#capacity).fill(Number.NaN);
      this.#columns.set(name, column);
    }
    column[this.#rows] = value;
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const [name, column] of this.#columns) {
      const larger = new Float64Array(this.#capacity).fill(Number.NaN);
      larger.set(column);
      this.#columns.set(name, larger);
    }
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) && typeof value['step'] === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}

const PLAIN = [
  'epoch',
  'step',
  'loss',
  'learningRate',
  'clipsPerS',
  'dataWaitShare',
  'seconds',
  'peakMemoryMiB',
] as const;
const GROUPS = ['rho', 'lambda', 'coefficient'] as const;
const SPLITS = ['train', 'validation', 'test'] as const;

/** Names as the page shows them: `loss`, `accuracy/test/fused`, `rho/audio`. */
export function* valuesOf(record: Readonly<Record<string, unknown>>): Iterable<[string, number]> {
  for (const name of PLAIN) {
    const value = record[name];
    if (typeof value === 'number') yield [name, value];
  }
  for (const split of SPLITS) {
    const scores = record[split];
    if (!isRecord(scores)) continue;
    const { loss, fused, branches } = scores;
    if (typeof loss === 'number') yield [`loss/${split}`, loss];
    if (typeof fused === 'number') yield [`accuracy/${split}/fused`, fused];
    yield* numbers(`accuracy/${split}`, branches);
  }
  for (const group of GROUPS) yield* numbers(group, record[group]);
}

function* numbers(prefix: string, values: unknown): Iterable<[string, number]> {
  if (!isRecord(values)) return;
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'number') yield [`${prefix}/${name}`, value];
  }
}
