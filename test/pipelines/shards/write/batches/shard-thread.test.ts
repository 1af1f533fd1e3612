/** Shards that a thread writes with compiled code, beside those written plainly in the process itself. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import {
  addSums,
  sumChannels,
  sumChannelsPlainly,
} from '../../../../../pipelines/shards/native/channel-sums.ts';
import { shardKernels } from '../../../../../pipelines/shards/native/kernels.ts';
import { asStored, ShardTally } from '../../../../../pipelines/shards/write/shard-tally.ts';
import { ShardThread } from '../../../../../pipelines/shards/write/batches/shard-thread.ts';
import { ShardWriter, type WritableRow } from '../../../../../pipelines/shards/write/shard-writer.ts';
import { extractionConfigSchema } from '../../../../../schemas/config/extraction-config.ts';
import { audioShape, shardSchema } from '../../../../../schemas/shard.ts';
import { newFolder } from '../../fixtures.ts';

const CLASS_NAMES = ['even', 'odd'];
/** Two batches of 16 MiB and a third that is not full. */
const ROWS = 24;

test.each([
  ['float32', 'read soon', true],
  ['float32', 'not read soon', false],
  ['float16', 'not read soon', false],
] as const)(
  'a shard written by the thread has the bytes, the hash and the sums of one written here (%s, %s)',
  async (storage, _when, readSoon) => {
    const extraction = extractionConfigSchema.parse({
      modalities: ['audio', 'rgb', 'flow'],
      audio: { storage },
    });
    const schema = { classNames: CLASS_NAMES, extraction, extractorVersion: 'test' };
    const folder = newFolder();
    const rows = Array.from({ length: ROWS }, (_, i) => rowOf(i, audioShape(extraction.audio)));

    const plain = await ShardWriter.create(join(folder, 'plain'), shardSchema(schema));
    const tally = new ShardTally(CLASS_NAMES.length, extraction.modalities);
    for (const row of rows) {
      await plain.append(row);
      tally.add(row.label, asStored(row, storage));
    }
    const expected = { ...(await plain.finish()), ...tally.totals() };

    const thread = ShardThread.start();
    try {
      const shard = await thread.createShard(join(folder, 'thread'), schema, readSoon);
      for (const row of rows) await shard.append(row);
      expect(await shard.finish()).toEqual(expected);
    } finally {
      await thread.close();
    }
    const bytes = await readFile(join(folder, 'thread'));
    expect(bytes.equals(await readFile(join(folder, 'plain')))).toBe(true);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected.sha256);
    expect(expected).toMatchObject({ rows: ROWS, bytes: bytes.length });
    const ofRgb = rows.flatMap(({ rgb }) => (rgb === undefined ? [] : [sumChannelsPlainly(rgb.data, 3)]));
    expect(expected.sums.rgb).toEqual(ofRgb.reduce((sum, row) => addSums(sum, row)));
  },
);

test('compiled sums are those of plain code to the last bit, in any length and memory', () => {
  expect(shardKernels()).toBeDefined();
  for (const channels of [1, 2, 3]) {
    for (const points of [0, 1, 7, 1_000, 400_001]) {
      const length = channels * points;
      const bytes = new Uint8Array(new SharedArrayBuffer(length + 1)).subarray(1);
      bytes.set(randomBytes(length, points));
      expect(sumChannels(bytes, channels)).toEqual(sumChannelsPlainly(bytes, channels));
      const floats = Float32Array.from(bytes, (byte, i) => (byte - 100.3) * 1.7 ** (i % 50));
      expect(sumChannels(floats, channels)).toEqual(sumChannelsPlainly(floats, channels));
    }
  }
  const brightest = new Uint8Array(3 * 2_000_000).fill(255);
  expect(sumChannels(brightest, 3)).toEqual({
    count: 2_000_000,
    sum: new Array<number>(3).fill(255 * 2_000_000),
    sumOfSquares: new Array<number>(3).fill(65_025 * 2_000_000),
  });
});

test('a thread runs the newest source, and runs where its bundle cannot be kept', async () => {
  const folder = newFolder();
  const main = join(folder, 'main.ts');
  const bundles = join(folder, 'bundles');
  const write = async (value: number) => {
    await writeFile(
      main,
      `import { parentPort } from 'node:worker_threads';\nparentPort?.postMessage(${value} as number);\n`,
    );
  };
  await write(1);
  expect(await answerOf(main, bundles)).toBe(1);
  expect(await answerOf(main, bundles)).toBe(1);
  await write(22);
  expect(await answerOf(main, bundles)).toBe(22);
  // A file stands where the folder should be.
  expect(await answerOf(main, main)).toBe(22);
});

async function answerOf(main: string, bundles: string): Promise<unknown> {
  const loader = new URL('../../../../../pipelines/process/load-thread.mjs', import.meta.url).href;
  const start = `import(${JSON.stringify(loader)}).then(({ loadThread }) =>
    loadThread(require('node:url').pathToFileURL(${JSON.stringify(main)}).href, ${JSON.stringify(bundles)}));`;
  const worker = new Worker(start, { eval: true, execArgv: [] });
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  } finally {
    await worker.terminate();
  }
}

/** Some rows lack a modality; pictures differ in size. */
function rowOf(i: number, shape: readonly [number, number]): WritableRow {
  const noise = Float32Array.from(randomBytes(shape[0] * shape[1], i), (byte) => Math.log(byte + 0.1));
  const width = 300 + i;
  const size = 3 * 256 * width;
  return {
    ...{ clipId: `clip-${i}`, label: i % 2, split: 'train', sourceSha256: String(i).padStart(64, '0') },
    ...(i % 3 === 0 ? {} : { group: `group ${i}` }),
    ...(i % 5 === 1 ? {} : { audio: { data: noise, shape } }),
    ...(i % 7 === 2 ? {} : { rgb: { data: randomBytes(size * 3, i), shape: [3, 256, width, 3] } }),
    ...(i % 4 === 3 ? {} : { flow: { data: randomBytes(size, i), shape: [3, 128, width, 2] } }),
  };
}

/** The same ones each time (a linear congruential generator). */
function randomBytes(length: number, seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state >>> 24;
  });
}
