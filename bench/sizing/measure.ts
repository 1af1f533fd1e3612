/** Measures the rates that `rates.json` keeps: `tsx bench/sizing/measure.ts`, some minutes on a quiet machine. */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { ensureTemporal, stopTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { indexDataset } from '../../pipelines/datasets/index-dataset.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { hashFile } from '../../pipelines/store/hash-file.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { renderClip } from '../harness/render-clip.ts';
import { simulateRebuild } from '../orchestration/simulated-rebuild.ts';
import { ratesSchema, type Rates } from './rates.ts';

const CLIPS = 120;
const SIMULATED_CLIPS = 50_000;
const HASHED_FILES = 40;
const ENGINES = ['ffmpeg', 'node-av'] as const;
const MIB = 2 ** 20;
const DESCRIPTION = '480×360, 25 fps, 3 s, h264 and aac';

const scratch = await mkdtemp(join(tmpdir(), 'modalmix-rates-'));
process.env[ENVIRONMENT.home] = join(scratch, 'home');
try {
  const clips = await makeClips(join(scratch, 'clips'));
  const extractedClipsPerS: Record<string, number> = {};
  let featureBytesPerClip = 0;
  for (const engine of ENGINES) {
    const measured = await extract(engine);
    extractedClipsPerS[engine] = measured.clipsPerS;
    featureBytesPerClip = measured.bytesPerClip;
  }
  const { address } = await ensureTemporal();
  const simulated = join(scratch, 'simulated');
  await mkdir(simulated);
  const orchestration = await simulateRebuild({
    ...{ clips: SIMULATED_CLIPS, clipsPerShard: 64, scratch: simulated, address },
  });
  const { executions, shards, buildS, planS } = orchestration;
  const total = (of: 'events' | 'bytes') => executions.reduce((sum, one) => sum + one[of], 0);
  const rates: Rates = ratesSchema.parse({
    machine: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    date: new Date().toISOString().slice(0, 10),
    clips: DESCRIPTION,
    featureBytesPerClip,
    sourceBytesPerClip: clips.bytes / CLIPS,
    extractedClipsPerS,
    hashedMBPerS: await hashRate(join(scratch, 'hashed')),
    plannedClipsPerS: SIMULATED_CLIPS / planS,
    eventsPerShard: total('events') / shards,
    historyBytesPerShard: total('bytes') / shards,
    eventsPerExecution: Math.max(...executions.map(({ events }) => events)),
    shardsPerS: shards / buildS,
  });
  const rounded = JSON.parse(
    JSON.stringify(rates, (_, value: unknown) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value,
    ),
  ) as Rates;
  await writeFile(new URL('rates.json', import.meta.url), `${JSON.stringify(rounded, undefined, 2)}\n`);
  process.stdout.write(`${JSON.stringify(rounded, undefined, 2)}\n`);
} finally {
  await stopTemporal();
  await rm(scratch, { recursive: true, force: true });
}

/** Noise over a moving picture, so that decoding costs what it does with real clips. */
async function makeClips(folder: string): Promise<{ readonly bytes: number }> {
  const limit = pLimit(availableParallelism());
  const sizes = await limit.map(
    Array.from({ length: CLIPS }, (_, i) => i),
    async (i) => {
      const target = join(folder, i % 5 === 0 ? 'test' : 'train', i % 2 === 0 ? 'even' : 'odd');
      await mkdir(target, { recursive: true });
      const file = join(target, `${String(i)}.mp4`);
      await renderClip(file, {
        picture: `testsrc2=size=480x360:rate=25:duration=3,hue=h=${String(3 * i)},noise=alls=8:all_seed=${String(i)}`,
        sound: `sine=frequency=${String(200 + i)}:sample_rate=44100:duration=3`,
        encoding: ['-preset', 'veryfast'],
      });
      return (await stat(file)).size;
    },
  );
  return { bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** The product's plan and shards, without Temporal. */
async function extract(engine: (typeof ENGINES)[number]) {
  process.env[ENVIRONMENT.extractor] = engine;
  const extractor = await createExtractor((text) => process.stderr.write(`${text}\n`));
  const store = openStore(`file:${join(scratch, `store-${engine}`)}`);
  const index = await indexDataset({
    ...{ format: 'folder', root: join(scratch, 'clips'), validationShare: 0, testShare: 0.2 },
  });
  const extraction = extractionConfigSchema.parse({});
  const extractorVersion = extractor.version;
  const plan = await planRebuild({ store, name: 'rates', index, extraction, extractorVersion });
  const { name, version } = plan;
  const startedAt = performance.now();
  let bytes = 0;
  for (const shardIndex of plan.shardsToBuild) {
    bytes += (await buildShard({ store, name, version, shardIndex, extractor })).bytes;
  }
  return { clipsPerS: CLIPS / ((performance.now() - startedAt) / 1_000), bytesPerClip: bytes / CLIPS };
}

async function hashRate(folder: string): Promise<number> {
  await mkdir(folder);
  const files = Array.from({ length: HASHED_FILES }, (_, i) => join(folder, String(i)));
  for (const [i, file] of files.entries()) await writeFile(file, Buffer.alloc(8 * MIB, i));
  const startedAt = performance.now();
  await pLimit(2 * availableParallelism()).map(files, async (file) => await hashFile(file));
  return (HASHED_FILES * 8 * MIB) / 1e6 / ((performance.now() - startedAt) / 1_000);
}
