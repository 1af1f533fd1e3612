/** The training step through the product's own loop: child process, shards, augmentation, optimiser; against PyTorch. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { processorFeatures } from '../../pipelines/process/processor-features.ts';
import { runTraining } from '../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import type { Precision } from '../../schemas/config/training-config.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import { figuresAgainst, median, type Figure } from '../harness/figure.ts';
import { inTurns } from '../harness/in-turns.ts';
import { torchPeers, type TorchPeer } from '../harness/torch-peers.ts';
import { publishNoise } from './training-data.ts';

const METHODS = ['joint', 'mm', 'b-mm', 'ogm-ge'] as const;
type Method = (typeof METHODS)[number];
const WARM_UP = 2;
const THREADS = 2;
const SPEED_GOAL = { ratio: 1.6 };
const BFLOAT16_SPEED_GOAL = { ratio: 1.25 };
const MEMORY_GOAL = { ratio: 1 };
const PEER = fileURLToPath(new URL('../peers/training_step.py', import.meta.url));

const peerSchema = z.object({ torch: z.string(), ms: z.array(z.number()).min(1), rssMiB: z.number() });

interface Measured {
  /** Of the middle step. */
  readonly ms: number;
  readonly peakMiB: number;
}

interface Case {
  readonly batchSize: number;
  /** That are timed, after the warm-up. */
  readonly steps: number;
  readonly precision?: Precision;
}

export function trainingBench(of: Case): Bench {
  const { batchSize, precision = 'float32' } = of;
  const isSlow = isPeerSlow(precision);
  const autocast = isSlow
    ? '; its autocast, one step once, as the processor lacks instructions for it'
    : '; its autocast';
  return {
    title: `Training step, batch ${String(batchSize)}${precision === 'float32' ? '' : `, ${precision}`}`,
    method:
      `Two ResNet-18s (257×188×1 and 224×224×3), concatenated, SGD, ${precision}, 2 threads; the median step of a ` +
      "training by `runTraining`, from shards, with augmentation; peak memory is the training process's up to its " +
      'last step, without the test and the checkpoint that follow. PyTorch: channels last, the same method, one batch ' +
      `in memory that is used again${precision === 'float32' ? '' : autocast}. The goal is against the better of its versions.`,
    measure: (context) => measure(context, of),
  };
}

export const bench = trainingBench({ batchSize: 8, steps: 6 });

async function measure(
  context: BenchContext,
  { batchSize, steps, precision = 'float32' }: Case,
): Promise<Figure[]> {
  const { quick, allPeers, scratch, say } = context;
  const isSlow = isPeerSlow(precision);
  const rounds = isSlow ? 1 : context.rounds;
  const size = quick ? 2 : batchSize;
  const timed = quick ? 1 : steps;
  const [peerWarmUp, peerTimed] = isSlow ? [0, 1] : [WARM_UP, timed];
  const speedGoal = precision === 'float32' ? SPEED_GOAL : BFLOAT16_SPEED_GOAL;
  const { peers, absent } = await torchPeers(allPeers, say);
  const { storeUri, manifest } = await publishNoise(scratch, size * (WARM_UP + timed));
  const figures: Figure[] = [];
  for (const method of quick ? METHODS.slice(0, 1) : METHODS) {
    let round = 0;
    const told = (who: string, measured: Measured): Measured => {
      say(`${method}, ${who}: ${measured.ms.toFixed(0)} ms, ${measured.peakMiB.toFixed(0)} MiB`);
      return measured;
    };
    const numbers = [size, peerWarmUp, peerTimed, THREADS];
    const measured = await inTurns<string, Measured>(rounds, {
      ours: async () =>
        told('ours', await train(storeUri, manifest, { method, batchSize: size, seed: round++, precision })),
      ...Object.fromEntries(
        peers.map((peer) => [
          peer.name,
          async () => told(peer.name, await trainPeer(peer, method, numbers, precision)),
        ]),
      ),
    });
    const ours = measured['ours']!;
    const samplesOf = (of: (measured: Measured) => number) => [
      ...peers.map(({ name }) => ({ name, samples: measured[name]!.map(of) })),
      ...absent.map((peer) => ({ ...peer, samples: [] })),
    ];
    const figure = (what: string, unit: string, goal: { ratio: number }, of: (m: Measured) => number) =>
      figuresAgainst(samplesOf(of), {
        name: `${method}, ${what}`,
        unit,
        better: 'lower',
        ours: ours.map(of),
        goal,
      });
    figures.push(
      ...figure('a step', 'ms', speedGoal, ({ ms }) => ms),
      ...figure('peak memory', 'MiB', MEMORY_GOAL, ({ peakMiB }) => peakMiB),
    );
  }
  return figures;
}

const BFLOAT16_FEATURES = ['avx512_bf16', 'amx_bf16', 'bf16'] as const;

/** Without instructions for bfloat16 PyTorch takes a minute a step: it does one, once, without a warm-up. */
function isPeerSlow(precision: Precision): boolean {
  const features = processorFeatures();
  return precision === 'bfloat16' && !BFLOAT16_FEATURES.some((name) => features.has(name));
}

/** One epoch; a step's time runs from one report of progress to the next, reading included. */
async function train(
  storeUri: string,
  manifest: DatasetManifest,
  of: {
    readonly method: Method;
    readonly batchSize: number;
    readonly seed: number;
    readonly precision: Precision;
  },
): Promise<Measured> {
  const { method, batchSize, seed, precision } = of;
  const config = runConfigSchema.parse({
    name: 'bench',
    dataset: { format: 'folder', root: 'clips' },
    extraction: { video: { frames: 1 } },
    training: { methods: [method], seeds: [seed], epochs: 1, batchSize, precision, threads: THREADS },
  });
  const times: number[] = [];
  let before: number | undefined;
  let peakMiB = NaN;
  await runTraining({
    storeUri,
    spec: trainingSpecs(config, manifest)[0]!,
    onProgress: () => {
      const now = performance.now();
      peakMiB = childPeakMiB();
      if (before !== undefined) times.push(now - before);
      before = now;
    },
  });
  return { ms: median(times.slice(WARM_UP - 1)), peakMiB };
}

/** Of the process that trains, so far: the largest of this one's children. */
function childPeakMiB(): number {
  const pid = String(process.pid);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const peaks = children.map((child) => {
    const status = readFileSync(`/proc/${child}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) / 1024;
  });
  return Math.max(...peaks.filter(Number.isFinite));
}

async function trainPeer(
  { python, options }: TorchPeer,
  method: Method,
  numbers: readonly number[],
  precision: Precision,
): Promise<Measured> {
  const { stdout } = await execa(
    python,
    [PEER, method, ...numbers.map(String), ...(precision === 'float32' ? [] : [precision]), ...options],
    { stdin: 'ignore' },
  );
  const { ms, rssMiB } = peerSchema.parse(JSON.parse(stdout));
  return { ms: median(ms), peakMiB: rssMiB };
}
