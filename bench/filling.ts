/**
 * Whether a worker fills its machine, also where others use it: threads that wait for a core count as busy. That flatters: waits
 * for the disk are then few beside those for a core, and hidden by them. So what the same idle seconds would be beside the
 * processor's time alone is told too, an estimate; only a quiet machine tells it for sure ("got").
 *
 *     npx tsx bench/filling.ts media [--clips 240]                  # cores wanted by a media worker while it extracts
 *     npx tsx bench/filling.ts trainings [--rounds 3] [--steps 5]   # two, one after the other and side by side
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { programOf } from '../infra/supervisor/supervise.ts';
import { indexDataset } from '../pipelines/datasets/index-dataset.ts';
import { createNodeAvExtractor } from '../pipelines/extraction/node-av/pool.ts';
import { readMachine, coresOf } from '../pipelines/process/machine/machine.ts';
import { planWork } from '../pipelines/process/machine/plan-work.ts';
import { buildShard } from '../pipelines/shards/write/build-shard.ts';
import { ClipTurns } from '../pipelines/shards/write/clip-turns.ts';
import { planRebuild } from '../pipelines/shards/plan/plan-rebuild.ts';
import { openStore } from '../pipelines/store/open-store.ts';
import { runTraining } from '../pipelines/training/run-training.ts';
import { trainingSpecs } from '../pipelines/training/training-spec.ts';
import { runConfigSchema } from '../schemas/config/config.ts';
import { datasetConfigSchema } from '../schemas/config/dataset-config.ts';
import { extractionConfigSchema } from '../schemas/config/extraction-config.ts';
import pLimit from 'p-limit';
import { publishNoise } from './benches/training-data.ts';
import { median } from './harness/figure.ts';
import { inTurns } from './harness/in-turns.ts';
import { timesOf } from './harness/processor-time.ts';
import { makeClips } from './harness/make-clips.ts';
import { watchCores } from './harness/thread-states.ts';

const BATCH = 8;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    clips: { type: 'string', default: '240' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '5' },
  },
});
const machine = readMachine();
const cores = coresOf(machine);
const plan = planWork(machine);
const scratch = mkdtempSync(join(tmpdir(), 'modalmix-filling-'));
try {
  if (positionals[0] === 'extract') await extractInto(positionals[1]!);
  else if (positionals[0] === 'trainings') await trainings(Number(values.rounds), Number(values.steps));
  else await media(Number(values.clips));
} finally {
  rmSync(scratch, { recursive: true });
}

/** Extraction in a process of its own, as the media worker does it; watched from here. */
async function media(count: number): Promise<void> {
  await makeClips(join(scratch, 'clips'), count);
  const { program, args } = programOf(new URL(import.meta.url).pathname);
  const worker = spawn(program, [...args, 'extract', scratch], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let watch: ReturnType<typeof watchCores> | undefined;
  worker.on('message', (message) => {
    if (message === 'begin') watch = watchCores(worker.pid!, cores);
    else {
      const { wanted, got, samples, seconds } = watch!.end();
      const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
      console.log(
        `${String(count)} clips, ${String(cores)} cores, ${seconds.toFixed(1)} s: wanted ${percent(wanted)} of the cores ` +
          `(${String(samples)} looks), got ${percent(got)}; with the same idle seconds on a machine without others ${percent(got / (got + 1 - wanted))}`,
      );
    }
  });
  await new Promise((resolve) => worker.on('exit', resolve));
}

async function extractInto(folder: string): Promise<void> {
  const extractor = await createNodeAvExtractor();
  const store = openStore(`file:${join(folder, 'store')}`);
  const index = await indexDataset(
    datasetConfigSchema.parse({ format: 'folder', root: join(folder, 'clips'), validationShare: 0 }),
  );
  const extraction = extractionConfigSchema.parse({});
  const name = 'filling';
  const { version, shardsToBuild } = await planRebuild({
    ...{ store, name, index, extraction, extractorVersion: extractor.version },
  });
  const turns = new ClipTurns(plan.clipsAtOnce);
  process.send!('begin');
  await pLimit(plan.slots.media).map(
    shardsToBuild,
    async (shardIndex) => await buildShard({ store, name, version, shardIndex, extractor, turns }),
  );
  process.send!('end', () => process.exit());
}

/** Processor seconds of both, and the time on the clock. */
async function trainings(rounds: number, steps: number): Promise<void> {
  const { storeUri, manifest } = await publishNoise(scratch, BATCH * steps);
  let seed = 0;
  const train = async (threads: number) => {
    const config = runConfigSchema.parse({
      name: 'filling',
      dataset: { format: 'folder', root: 'clips' },
      extraction: { video: { frames: 1 } },
      training: { methods: ['joint'], seeds: [seed++], epochs: 1, batchSize: BATCH, threads },
    });
    await runTraining({ storeUri, spec: trainingSpecs(config, manifest)[0]! });
  };
  const measured = (work: () => Promise<void>) => async () => {
    const processor = async () => (await timesOf(process.pid))!.endedChildrenSeconds;
    const [from, before] = [performance.now(), await processor()];
    await work();
    return { clock: (performance.now() - from) / 1_000, processor: (await processor()) - before };
  };
  await train(cores);
  const half = Math.max(1, Math.floor(cores / 2));
  const ways = {
    [`one after the other, ${String(cores)} threads`]: measured(async () => {
      await train(cores);
      await train(cores);
    }),
    [`side by side, ${String(cores)} threads each`]: measured(async () => {
      await Promise.all([train(cores), train(cores)]);
    }),
    [`side by side, ${String(half)} threads each`]: measured(async () => {
      await Promise.all([train(half), train(half)]);
    }),
  };
  for (const [name, all] of Object.entries(await inTurns(rounds, ways))) {
    const numbers = (of: 'clock' | 'processor') =>
      `${median(all.map((one) => one[of])).toFixed(1)} [${all.map((one) => one[of].toFixed(1)).join(' ')}]`;
    console.log(`${name}: ${numbers('processor')} s of processor, ${numbers('clock')} s on the clock`);
  }
}
