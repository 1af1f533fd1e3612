/**
 * Shards that another thread sums, hashes and writes, so that whoever reads and decodes rows never waits for
 * it: the same rows give the same bytes as `ShardWriter` and `ShardTally`.
 */
import { Worker } from 'node:worker_threads';
import { ModalmixError } from '../../../../schemas/errors.ts';
import { shardSchema, type ShardSchemaInput } from '../../../../schemas/shard.ts';
import { AskedThread } from '../../../process/asked-thread.ts';
import { asFileError } from '../../../store/file-errors.ts';
import { BatchMemory } from './batch-memory.ts';
import type { RowLine } from './batch-columns.ts';
import type { FinishedShard, ShardAnswer, ShardRequest, ShardRequestBody } from './shard-thread-protocol.ts';
import { ShardWriter, type BatchFile } from '../shard-writer.ts';

export class ShardThread {
  readonly #thread: AskedThread<ShardRequest, ShardAnswer>;
  #nextFile = 0;

  private constructor(worker: Worker) {
    this.#thread = new AskedThread(worker, 'writing shards', 'the thread that writes shards ended');
  }

  /** Returns at once; the first shard waits until the thread is there. */
  static start(): ShardThread {
    const main = new URL('./shard-thread-start.mjs', import.meta.url);
    return new ShardThread(new Worker(main, { execArgv: [] }));
  }

  /**
   * @param path a local file that does not exist yet
   * @param readSoon whether somebody reads the file soon: then the system's cache is to hold it
   * @throws ModalmixError as the store does when the disk is full or may not be written
   */
  async createShard(
    path: string,
    schema: ShardSchemaInput,
    readSoon: boolean,
  ): Promise<ShardWriter<FinishedShard>> {
    const file = this.#nextFile;
    this.#nextFile += 1;
    const { classNames, extraction, extractorVersion } = schema;
    const plain = { classNames, extraction, extractorVersion };
    await this.ask({ kind: 'create', file, path, schema: plain, readSoon }, path);
    return new ShardWriter(shardSchema(plain), new ThreadFile(this, file, path));
  }

  /** @param path for errors */
  async ask(request: ShardRequest, path: string): Promise<ShardAnswer> {
    const answer = await this.#thread.ask(request);
    if (answer.kind !== 'failed') return answer;
    throw asFileError(Object.assign(new Error(answer.message), { code: answer.code }), path);
  }

  /** Shards that are not finished are lost. */
  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** A file of the thread's. */
class ThreadFile implements BatchFile<FinishedShard> {
  readonly #thread: ShardThread;
  readonly #file: number;
  readonly #path: string;

  constructor(thread: ShardThread, file: number, path: string) {
    this.#thread = thread;
    this.#file = file;
    this.#path = path;
  }

  async write(lines: readonly RowLine[], memory: BatchMemory): Promise<BatchMemory> {
    const answer = await this.#ask({ kind: 'write', lines, batch: memory.release() });
    if (answer.kind === 'written') return BatchMemory.of(answer.batch);
    throw outOfTurn();
  }

  async finish(): Promise<FinishedShard> {
    const answer = await this.#ask({ kind: 'finish' });
    if (answer.kind === 'finished') return answer.shard;
    throw outOfTurn();
  }

  async abandon(): Promise<void> {
    await this.#ask({ kind: 'abandon' }).catch(() => undefined);
  }

  async #ask(request: ShardRequestBody): Promise<ShardAnswer> {
    return await this.#thread.ask({ ...request, file: this.#file }, this.#path);
  }
}

function outOfTurn(): ModalmixError {
  return new ModalmixError('internal', 'the thread that writes shards answered out of turn');
}
