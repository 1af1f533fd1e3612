/** The thread that makes batches ahead of the steps that use them; a process has one at most. */
import { Worker } from 'node:worker_threads';
import { ModalmixError } from '../../schemas/errors.ts';
import type { ShardSet } from '../shards/shard-reader.ts';
import type { Batch, BatchReaderOptions, Variation } from '../training/batches.ts';
import type { BatchAnswer, BatchRequest, Failure, Numbered } from './batch-thread-protocol.ts';

interface Waiting {
  readonly resolve: (answer: BatchAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Of its young generation: what it makes lies outside, and a small heap stays in the processor's cache. */
const HEAP_MIB = 4;

let running: BatchThread | undefined;

export class BatchThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #ended: ModalmixError | undefined;
  #nextId = 0;
  #nextSession = 0;

  /** The process's own; a new one when the last ended by an error. */
  static shared(): BatchThread {
    if (running === undefined || running.#ended !== undefined) running = new BatchThread();
    return running;
  }

  private constructor() {
    const main = new URL('./batch-thread-start.mjs', import.meta.url);
    this.#worker = new Worker(main, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: HEAP_MIB } });
    this.#worker.on('message', ({ id, body }: Numbered<BatchAnswer>) => {
      this.#settle(id)?.resolve(body);
    });
    this.#worker.on('error', (error) => {
      this.#end(error instanceof Error ? error.message : String(error));
    });
    this.#worker.on('exit', () => {
      this.#end('the thread that makes batches ended');
    });
    // It keeps no process alive; what it is asked does.
    this.#worker.unref();
  }

  /** @param splits all of them in files */
  async open(
    splits: Readonly<Record<string, ShardSet>>,
    { manifest, modalities, cropPx }: BatchReaderOptions,
  ): Promise<ThreadSession> {
    const session = this.#nextSession;
    this.#nextSession += 1;
    const sent = Object.entries(splits).map(([name, { files = [], labels, missing }]) => [
      name,
      { files, labels, missing },
    ]);
    await this.ask(session, {
      kind: 'open',
      splits: Object.fromEntries(sent) as Extract<BatchRequest, { kind: 'open' }>['splits'],
      options: { manifest: { normalisation: manifest.normalisation }, modalities, cropPx },
    });
    return new ThreadSession(this, session, splits);
  }

  async ask(session: number, request: BatchRequest): Promise<BatchAnswer> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = new Promise<BatchAnswer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#worker.ref();
    this.#worker.postMessage({ id, session, body: request } satisfies Numbered<BatchRequest>);
    return await answered;
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #end(message: string): void {
    this.#ended ??= new ModalmixError('internal', message, { where: 'making batches' });
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(this.#ended);
  }
}

/** What one training or evaluation reads. */
export class ThreadSession {
  readonly #thread: BatchThread;
  readonly #session: number;
  readonly #splits: Readonly<Record<string, ShardSet>>;
  #asked = 0;

  constructor(thread: BatchThread, session: number, splits: Readonly<Record<string, ShardSet>>) {
    this.#thread = thread;
    this.#session = session;
    this.#splits = splits;
  }

  /**
   * Images are written where those of the batch before the last were: at most one batch may be in use when it is
   * called, and none be asked for.
   *
   * @throws ModalmixError as `BatchReader.read` does
   */
  async read(split: string, rows: Int32Array, variation: Variation | undefined): Promise<Batch> {
    const place = this.#asked % 2;
    this.#asked += 1;
    const answer = await this.#thread.ask(this.#session, { kind: 'read', split, rows, variation, place });
    if (answer.kind === 'batch') return answer.batch;
    if (answer.kind === 'failed') throw this.#errorOf(split, answer.failure);
    throw new ModalmixError('internal', 'the thread that makes batches answered out of turn');
  }

  async close(): Promise<void> {
    await this.#thread.ask(this.#session, { kind: 'close' });
  }

  /** The thread names a clip by its row. */
  #errorOf(split: string, { kind, message, where, fix }: Failure): ModalmixError {
    const row = /^row (\d+)$/u.exec(where ?? '')?.[1];
    const place = (row === undefined ? undefined : this.#splits[split]?.clipIds[Number(row)]) ?? where;
    return new ModalmixError(kind, message, {
      ...(place === undefined ? {} : { where: place }),
      ...(fix === undefined ? {} : { fix }),
    });
  }
}
