/** The thread that makes batches ahead of the steps that use them; a process has one at most. */
import { Worker } from 'node:worker_threads';
import { ModalmixError } from '../../../schemas/errors.ts';
import { AskedThread } from '../../process/asked-thread.ts';
import { errorOfFailure, type Failure } from '../../process/failure.ts';
import type { ShardSet } from '../../shards/read/shard-reader.ts';
import type { Batch, BatchReaderOptions, Variation } from './batches.ts';
import { pictureKernels } from './pictures/native.ts';
import type { BatchAnswer, BatchRequest, BatchRequestBody } from './batch-thread-protocol.ts';

/** Of its young generation: what it makes lies outside, and a small heap stays in the processor's cache. */
const HEAP_MIB = 4;

let running: BatchThread | undefined;

export class BatchThread {
  readonly #thread: AskedThread<BatchRequest, BatchAnswer>;
  #nextSession = 0;

  /** The process's own; a new one when the last ended by an error. */
  static shared(): BatchThread {
    if (running === undefined || running.#thread.hasEnded) running = new BatchThread();
    return running;
  }

  private constructor() {
    // Used by the thread alone; that they are missing is told by a main thread.
    pictureKernels();
    const main = new URL('./batch-thread-start.mjs', import.meta.url);
    const resourceLimits = { maxYoungGenerationSizeMb: HEAP_MIB };
    const worker = new Worker(main, { execArgv: [], resourceLimits });
    this.#thread = new AskedThread(worker, 'making batches', 'the thread that makes batches ended');
  }

  /** @param splits all of them in files */
  async open(
    splits: Readonly<Record<string, ShardSet>>,
    { manifest, ...options }: BatchReaderOptions,
  ): Promise<ThreadSession> {
    const session = this.#nextSession;
    this.#nextSession += 1;
    const sent = Object.entries(splits).map(([name, { files = [], labels, missing, modalities = [] }]) => [
      name,
      { files, labels, missing, modalities },
    ]);
    await this.ask(session, {
      kind: 'open',
      splits: Object.fromEntries(sent) as Extract<BatchRequestBody, { kind: 'open' }>['splits'],
      options: { manifest: { normalisation: manifest.normalisation }, ...options },
    });
    return new ThreadSession(this, session, splits);
  }

  async ask(session: number, request: BatchRequestBody): Promise<BatchAnswer> {
    return await this.#thread.ask({ ...request, session });
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
  #errorOf(split: string, failure: Failure): ModalmixError {
    const row = /^row (\d+)$/u.exec(failure.where ?? '')?.[1];
    const clip = row === undefined ? undefined : this.#splits[split]?.clipIds[Number(row)];
    return errorOfFailure({ ...failure, where: clip ?? failure.where });
  }
}
