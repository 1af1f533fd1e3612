/** Writing shards past the system's cache (`O_DIRECT`) beside writing through it, and what reading rows past it would give. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { execa } from 'execa';
import { indexDataset } from '../../pipelines/datasets/index-dataset.ts';
import { createNodeAvExtractor } from '../../pipelines/extraction/node-av/pool.ts';
import { planWork } from '../../pipelines/process/machine/plan-work.ts';
import { readMachine } from '../../pipelines/process/machine/machine.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { shardKernels } from '../../pipelines/shards/native/kernels.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { ClipTurns } from '../../pipelines/shards/write/clip-turns.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { datasetConfigSchema } from '../../schemas/config/dataset-config.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import { inTurns } from '../harness/in-turns.ts';
import { processorSeconds } from '../harness/processor-time.ts';
import { makeClips } from '../harness/make-clips.ts';
import type { Compared, Measured, OwnCodeOptions } from './compared.ts';

const CLIPS = 120;
const QUICK_CLIPS = 24;
/** A row of the default extraction, in whole blocks. */
const ROW_BYTES = 983_040;
/** What the kernels' aligned memory comes in. */
const MEMORY_BYTES = 2 ** 21;
const ROWS = 1_000;
const QUICK_ROWS = 50;
const READ_ROWS = 500;
/** Coprime to the number of rows: each is read once, in no order. */
const STRIDE = 7_919;

export async function measureRebuild({ rounds, quick, scratch, say }: OwnCodeOptions): Promise<Compared[]> {
  const count = quick ? QUICK_CLIPS : CLIPS;
  await makeClips(join(scratch, 'clips'), count);
  say('clips are rendered');
  const extractor = await createNodeAvExtractor();
  let run = 0;
  const rebuild = (direct: boolean) => async (): Promise<Measured> => {
    run += 1;
    const store = openStore(`file:${join(scratch, `store-${String(run)}`)}`);
    // What decides how shards are written.
    if (!direct) Object.defineProperty(store, 'movesFiles', { value: false });
    const index = await indexDataset(
      datasetConfigSchema.parse({ format: 'folder', root: join(scratch, 'clips'), validationShare: 0 }),
    );
    const name = 'direct';
    const { version, shardsToBuild } = await planRebuild({
      ...{ store, name, index, extraction: extractionConfigSchema.parse({}) },
      extractorVersion: extractor.version,
    });
    await execa('sync');
    const plan = planWork(readMachine());
    const turns = new ClipTurns(plan.clipsAtOnce);
    const [from, before] = [performance.now(), await processorSeconds()];
    await pLimit(plan.slots.media).map(
      shardsToBuild,
      async (shardIndex) => await buildShard({ store, name, version, shardIndex, extractor, turns }),
    );
    const clock = (performance.now() - from) / 1_000;
    return {
      processor: (1_000 * ((await processorSeconds()) - before)) / count,
      clock: (1_000 * clock) / count,
    };
  };
  await rebuild(true)();
  const measured = await inTurns(rounds, {
    'ours: past the cache': rebuild(true),
    'through the cache': rebuild(false),
  });
  const perClip = { unit: 'ms a clip', digits: 1 };
  const compared: Compared = {
    title: 'A rebuild, shards written past the system’s cache and through it',
    method: `${String(count)} clips (480 × 360, 3 s, h264 and aac) by \`buildShard\`, as many at a time as a worker takes; processor time of all processes.`,
    figures: { processor: perClip, clock: perClip },
    rounds: measured,
  };
  return [compared];
}

export async function measureReads({ rounds, quick, scratch, say }: OwnCodeOptions): Promise<Compared[]> {
  const rows = quick ? QUICK_ROWS : ROWS;
  const path = join(scratch, 'rows');
  const file = await open(path, 'wx');
  const row = Buffer.alloc(ROW_BYTES);
  for (let n = 0; n < rows; n += 1) {
    row.fill(n & 255);
    await file.write(row);
  }
  await file.sync();
  await file.close();
  say('rows are written');
  const memory = new Uint8Array(shardKernels()!.alignedMemory(MEMORY_BYTES));
  const read = async (flags: number): Promise<Measured> => {
    const from = await open(path, constants.O_RDONLY | flags);
    const [startedMs, before] = [performance.now(), process.cpuUsage()];
    const count = Math.min(rows, READ_ROWS);
    for (let n = 0; n < count; n += 1) {
      const { bytesRead } = await from.read(memory, 0, ROW_BYTES, ((n * STRIDE) % rows) * ROW_BYTES);
      if (bytesRead !== ROW_BYTES) throw new Error(`${String(bytesRead)} bytes of a row`);
    }
    const { user, system } = process.cpuUsage(before);
    await from.close();
    return {
      'a row, clock': (performance.now() - startedMs) / count,
      'a row, processor': (user + system) / 1_000 / count,
    };
  };
  // The system drops what it holds of the file.
  const forget = async () =>
    await execa('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], { stderr: 'ignore' });
  const ms = { unit: 'ms', digits: 2 };
  const compared: Compared = {
    title: 'Reading rows, through the system’s cache and past it',
    method:
      'Rows of 0.98 MB in no order, one at a time, into memory that is used again. A training step of batch 8 reads 8 of them, by a thread beside it.',
    figures: { 'a row, clock': ms, 'a row, processor': ms },
    rounds: await inTurns(rounds, {
      'ours: through the cache, which has them': async () => {
        await execa('cat', [path], { stdout: 'ignore', buffer: false });
        return await read(0);
      },
      'through the cache, which has none of them': async () => {
        await forget();
        return await read(0);
      },
      'past the cache (O_DIRECT)': async () => {
        await forget();
        return await read(constants.O_DIRECT);
      },
    }),
  };
  return [compared];
}
