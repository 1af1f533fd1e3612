/** The training step through the product's own loop: child process, shards, augmentation, optimiser; against PyTorch. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';
import { runTraining } from '../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { runConfigSchema } from '../../schemas/config.ts';
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
const MEMORY_GOAL = { ratio: 1 };
const PEER = fileURLToPath(new URL('../peers/training_step.py', import.meta.url));

const peerSchema = z.object({ torch: z.string(), ms: z.array(z.number()).min(1), rssMiB: z.number() });

interface Measured {
  /** Of the middle step. */
  readonly ms: number;
  readonly peakMiB: number;
}

/** @param steps that are timed, after the warm-up */
export function trainingBench(batchSize: number, steps: number): Bench {
  return {
    title: `Training step, batch ${String(batchSize)}`,
    method:
      'Two ResNet-18s (257×188×1 and 224×224×3), concatenated, SGD, float32, 2 threads; the median step of a ' +
      "training by `runTraining`, from shards, with augmentation; peak memory is the training process's up to its " +
      'last step, without the test and the checkpoint that follow. PyTorch: channels last, the same method, one batch ' +
      'in memory that is used again; the goal is against the better of its versions.',
    measure: (context) => measure(context, batchSize, steps),
  };
}

export const bench = trainingBench(8, 6);

async function measure(context: BenchContext, batchSize: number, steps: number): Promise<Figure[]> {
  const { quick, rounds, allPeers, scratch, say } = context;
  const size = quick ? 2 : batchSize;
  const timed = quick ? 1 : steps;
  const { peers, absent } = await torchPeers(allPeers, say);
  const { storeUri, manifest } = await publishNoise(scratch, size * (WARM_UP + timed));
  const figures: Figure[] = [];
  for (const method of quick ? METHODS.slice(0, 1) : METHODS) {
    let round = 0;
    const told = (who: string, measured: Measured): Measured => {
      say(`${method}, ${who}: ${measured.ms.toFixed(0)} ms`);
      return measured;
    };
    const measured = await inTurns<string, Measured>(rounds, {
      ours: async () => told('ours', await train(storeUri, manifest, method, size, round++)),
      ...Object.fromEntries(
        peers.map((peer) => [
          peer.name,
          async () => told(peer.name, await trainPeer(peer, method, size, timed)),
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
      ...figure('a step', 'ms', SPEED_GOAL, ({ ms }) => ms),
      ...figure('peak memory', 'MiB', MEMORY_GOAL, ({ peakMiB }) => peakMiB),
    );
  }
  return figures;
}

/** One epoch; a step's time runs from one report of progress to the next, reading included. */
async function train(
  storeUri: string,
  manifest: DatasetManifest,
  method: Method,
  batchSize: number,
  seed: number,
): Promise<Measured> {
  const config = runConfigSchema.parse({
    name: 'bench',
    dataset: { format: 'folder', root: 'clips' },
    extraction: { video: { frames: 1 } },
    training: { methods: [method], seeds: [seed], epochs: 1, batchSize, threads: THREADS },
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
  batchSize: number,
  steps: number,
): Promise<Measured> {
  const { stdout } = await execa(
    python,
    [PEER, method, ...[batchSize, WARM_UP, steps, THREADS].map(String), ...options],
    { stdin: 'ignore' },
  );
  const { ms, rssMiB } = peerSchema.parse(JSON.parse(stdout));
  return { ms: median(ms), peakMiB: rssMiB };
}
