/**
 * The thread's side: reads rows, crops, flips and normalises them into shared memory. It knows no TensorFlow, which
 * only one thread may use.
 */
import { parentPort } from 'node:worker_threads';
import type { Numbered } from '../../process/asked-thread.ts';
import { failureOf } from '../../process/failure.ts';
import { RowReader } from '../../shards/read/row-reader.ts';
import { BatchReader, BatchMemory, type BatchReaderOptions } from './batches.ts';
import type { BatchAnswer, BatchRequest, BatchRequestBody, ThreadSplit } from './batch-thread-protocol.ts';

class Session {
  readonly #readers: ReadonlyMap<string, BatchReader>;
  readonly #places = [new BatchMemory(shared), new BatchMemory(shared)] as const;

  constructor(splits: Readonly<Record<string, ThreadSplit>>, options: BatchReaderOptions) {
    this.#readers = new Map(
      Object.entries(splits).map(([name, { files, labels, missing, modalities }]) => {
        const rows = new RowReader(files);
        // Rows are named by number: their clips' names stay where the others are.
        const source = { labels, missing, modalities, clipIds: [], read: rows.read.bind(rows) };
        return [name, new BatchReader(source, options)] as const;
      }),
    );
  }

  read({ split, rows, variation, place }: Extract<BatchRequestBody, { kind: 'read' }>): BatchAnswer {
    const reader = this.#readers.get(split);
    if (reader === undefined) throw new Error(`there is no split "${split}"`);
    return { kind: 'batch', batch: reader.read(rows, variation, this.#places[place % 2]) };
  }
}

function shared(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
}

const sessions = new Map<number, Session>();

function answer(request: BatchRequest): BatchAnswer {
  const { session } = request;
  switch (request.kind) {
    case 'open':
      sessions.set(session, new Session(request.splits, request.options));
      return { kind: 'done' };
    case 'read': {
      const opened = sessions.get(session);
      if (opened === undefined) throw new Error('it is not open');
      return opened.read(request);
    }
    case 'close':
      sessions.delete(session);
      return { kind: 'done' };
  }
}

parentPort?.on('message', ({ id, body }: Numbered<BatchRequest>) => {
  let answered: BatchAnswer;
  try {
    answered = answer(body);
  } catch (error) {
    answered = { kind: 'failed', failure: failureOf(error) };
  }
  parentPort?.postMessage({ id, body: answered } satisfies Numbered<BatchAnswer>);
});
