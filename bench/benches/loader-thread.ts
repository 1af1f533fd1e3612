/** A thread of `loader.ts`: reads the rows it is told as often as it is told, and every page of them. */
import { parentPort } from 'node:worker_threads';
import { RowMemory, RowReader, type FileRows } from '../../pipelines/shards/read/row-reader.ts';

export interface ReadTask {
  readonly files: readonly FileRows[];
  readonly rows: Int32Array;
  readonly times: number;
}

const PAGE_BYTES = 4_096;

parentPort?.on('message', ({ files, rows, times }: ReadTask) => {
  const reader = new RowReader(files);
  const memory = new RowMemory();
  let sum = 0;
  for (let time = 0; time < times; time += 1) {
    for (const row of rows) {
      const { audio, rgb } = reader.read(row, memory);
      for (const { data } of [audio!, rgb!]) {
        const step = PAGE_BYTES / data.BYTES_PER_ELEMENT;
        for (let i = 0; i < data.length; i += step) sum += data[i]!;
      }
    }
  }
  parentPort?.postMessage(sum);
});
