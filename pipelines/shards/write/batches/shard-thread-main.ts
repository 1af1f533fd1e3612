/**
 * The thread's side: sums, hashes and writes batches that arrive with their memory. What is written is brought
 * to the disk at once, so that the last wait, when the shard is finished, is short.
 */
import { parentPort } from 'node:worker_threads';
import { shardSchema, type ShardSchemaInput } from '../../../../schemas/shard.ts';
import type { Numbered } from '../../../process/asked-thread.ts';
import { codeOf } from '../../../store/file-errors.ts';
import { BatchMemory, type BatchContent } from './batch-memory.ts';
import type { RowLine } from './batch-columns.ts';
import { BatchWriter } from './batch-writer.ts';
import { shardKernels } from '../../native/kernels.ts';
import { ShardTally } from '../shard-tally.ts';
import type { FinishedShard, ShardAnswer, ShardRequest } from './shard-thread-protocol.ts';

class ThreadFile {
  readonly #writer: BatchWriter;
  readonly #tally: ShardTally;
  /** The synchronisation under way; a failure shows when the file is finished. */
  #syncing: Promise<void> | undefined;
  #synced: Promise<void> = Promise.resolve();

  private constructor(writer: BatchWriter, schema: ShardSchemaInput) {
    this.#writer = writer;
    this.#tally = new ShardTally(schema.classNames.length, schema.extraction.modalities);
  }

  static async create(path: string, schema: ShardSchemaInput, readSoon: boolean): Promise<ThreadFile> {
    const mode = readSoon ? 'piecewise' : 'direct';
    return new ThreadFile(await BatchWriter.create(path, shardSchema(schema), mode), schema);
  }

  async write(lines: readonly RowLine[], batch: BatchContent): Promise<BatchContent> {
    const memory = BatchMemory.of(batch);
    await this.#writer.write(lines, memory);
    let row = 0;
    for (const features of memory.rows()) {
      const line = lines[row];
      if (line !== undefined) this.#tally.add(line.label, features);
      row += 1;
    }
    if (shardKernels() === undefined) this.#syncSoon();
    return memory.release();
  }

  async finish(): Promise<FinishedShard> {
    await this.#synced;
    return { ...(await this.#writer.finish()), ...this.#tally.totals() };
  }

  async abandon(): Promise<void> {
    await this.#synced.catch(() => undefined);
    await this.#writer.abandon();
  }

  /** One at a time: each covers all that was written before it began. */
  #syncSoon(): void {
    if (this.#syncing !== undefined) return;
    this.#syncing = this.#writer.sync().finally(() => {
      this.#syncing = undefined;
    });
    this.#synced = Promise.all([this.#synced, this.#syncing]).then(() => undefined);
    this.#synced.catch(() => undefined);
  }
}

const files = new Map<number, ThreadFile>();

async function answer(request: ShardRequest): Promise<ShardAnswer> {
  if (request.kind === 'create') {
    files.set(request.file, await ThreadFile.create(request.path, request.schema, request.readSoon));
    return { kind: 'done' };
  }
  const file = files.get(request.file);
  switch (request.kind) {
    case 'write':
      if (file === undefined) throw new Error('there is no such file');
      return { kind: 'written', batch: await file.write(request.lines, request.batch) };
    case 'finish':
      if (file === undefined) throw new Error('there is no such file');
      files.delete(request.file);
      return { kind: 'finished', shard: await file.finish() };
    case 'abandon':
      files.delete(request.file);
      await file?.abandon();
      return { kind: 'done' };
  }
}

function failureOf(error: unknown): ShardAnswer {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  return { kind: 'failed', message, ...(code === undefined ? {} : { code }) };
}

parentPort?.on('message', ({ id, body }: Numbered<ShardRequest>) => {
  void answer(body)
    .catch(failureOf)
    .then((answered) => {
      parentPort?.postMessage({ id, body: answered } satisfies Numbered<ShardAnswer>);
    });
});
