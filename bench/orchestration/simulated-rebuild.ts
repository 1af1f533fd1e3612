/**
 * The product's rebuild of very many clips on a real Temporal server, its extraction simulated: plan, shards, entries
 * and manifest are written as always. Shows the histories' lengths, the workers' memory and what a shard costs.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { prepared, storeRunConfig } from '../../runs/prepare-run.ts';
import { nodeWithTypeScript } from '../../infra/supervisor/supervise.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { ENVIRONMENT, TASK_QUEUES } from '../../schemas/names.ts';
import { audioShape } from '../../schemas/shard.ts';
import {
  WORKFLOWS,
  workflowIds,
  type RebuildDatasetInput,
  type RebuildDatasetOutput,
} from '../../schemas/workflows.ts';
import { coveredMs, readHistories, type ExecutionFacts } from './history.ts';
import type { MemoryMessage } from './memory.ts';

const WORKER = fileURLToPath(new URL('simulated-worker.ts', import.meta.url));
const SOURCE_FILES = 100;
const CLASSES = 10;
const MIB = 2 ** 20;
/** The first ones are those of a worker that still warms up. */
const WARM_UP_SHARE = 0.3;

export interface SimulatedRebuildOptions {
  readonly clips: number;
  /** At most; half as many at least. */
  readonly clipsPerShard: number;
  /** An empty folder. */
  readonly scratch: string;
  /** `host:port` of a server. */
  readonly address: string;
  readonly shardsInFlight?: number;
  /** Events after which the workflow goes on in a new execution; absent: when the server suggests it. */
  readonly historyEvents?: number;
  readonly shardsPerPage?: number;
}

export interface WorkerMemory {
  /** MiB, means of the first and the last third of the time in which shards were built, after the warm-up. */
  readonly earlyMiB: number;
  readonly lateMiB: number;
  readonly mostMiB: number;
}

export interface SimulatedRebuild {
  readonly clips: number;
  readonly shards: number;
  /** Of the chain of executions. */
  readonly executions: readonly ExecutionFacts[];
  readonly wallS: number;
  readonly planS: number;
  readonly publishS: number;
  /** From the first shard's start to the last one's end. */
  readonly buildS: number;
  /** Of `buildS`, in which at least one shard was at work. */
  readonly busyS: number;
  readonly memory: { readonly media: WorkerMemory; readonly control: WorkerMemory };
  readonly output: RebuildDatasetOutput;
}

export async function simulateRebuild(options: SimulatedRebuildOptions): Promise<SimulatedRebuild> {
  const { clips, address, historyEvents, shardsPerPage, shardsInFlight } = options;
  const config = await writeDataset(options);
  const run = prepared(config);
  await storeRunConfig(run);
  const workers = { media: startWorker('media', address), control: startWorker('control', address) };
  const connection = await Connection.connect({ address });
  try {
    await Promise.all([workers.media.ready, workers.control.ready]);
    const client = new Client({ connection });
    const input: RebuildDatasetInput = {
      ...{ storeUri: config.store, runId: run.runId },
      ...(historyEvents === undefined ? {} : { historyEvents }),
      ...(shardsPerPage === undefined ? {} : { shardsPerPage }),
      ...(shardsInFlight === undefined ? {} : { shardsInFlight }),
    };
    const workflowId = workflowIds.rebuild(run.runId);
    const handle = await client.workflow.start(WORKFLOWS.rebuildDataset, {
      workflowId,
      taskQueue: TASK_QUEUES.control,
      args: [input],
    });
    const output = (await handle.result()) as RebuildDatasetOutput;
    const { executions, span, activities } = await readHistories(
      client,
      workflowId,
      handle.firstExecutionRunId,
    );
    const of = (type: string) =>
      activities.filter((activity) => activity.type === type).map(({ interval }) => interval);
    const shards = of('extractShard');
    const from = Math.min(...shards.map(([start]) => start));
    const to = shards.reduce((latest, [, end]) => Math.max(latest, end), 0);
    const seconds = (ms: number) => ms / 1_000;
    return {
      ...{ clips, shards: output.shards, executions, output },
      wallS: seconds(span[1] - span[0]),
      planS: seconds(coveredMs(of('planDataset'))),
      publishS: seconds(coveredMs(of('publishDataset'))),
      buildS: seconds(to - from),
      busyS: seconds(coveredMs(shards)),
      memory: {
        media: memoryBetween(workers.media, from, to),
        control: memoryBetween(workers.control, from, to),
      },
    };
  } finally {
    await connection.close();
    await Promise.all([workers.media.stop(), workers.control.stop()]);
  }
}

/** A table of segments of a few small files. */
async function writeDataset({ clips, clipsPerShard, scratch }: SimulatedRebuildOptions) {
  const root = join(scratch, 'clips');
  await mkdir(root, { recursive: true });
  for (let file = 0; file < SOURCE_FILES; file += 1) {
    await writeFile(join(root, `${String(file)}.mp4`), `the video ${String(file)}`);
  }
  const rows = Array.from({ length: clips }, (_, i) => {
    const second = Math.floor(i / SOURCE_FILES);
    const split = i % 10 === 0 ? 'test' : 'train';
    return `${String(i % SOURCE_FILES)}.mp4,class ${String(i % CLASSES)},${split},${String(second)},${String(second + 1)}`;
  });
  const file = join(root, 'clips.csv');
  await writeFile(file, ['path,label,split,start,end', ...rows, ''].join('\n'));
  const audio = { sampleRateHz: 8_000, nFft: 64, hop: 1_600, durationS: 1 };
  const video = { fps: 1, frames: 1, shortSide: 4 };
  const config = runConfigSchema.parse({
    name: 'simulated',
    store: `file:${join(scratch, 'store')}`,
    dataset: { format: 'csv', file, root, validationShare: 0 },
    extraction: { audio, video },
  });
  // The planner takes 16:9 for a picture's aspect, and a shard may be a third larger than its target.
  const [frequencies, times] = audioShape(config.extraction.audio);
  const clipBytes = frequencies * times * 4 + 4 * Math.floor((4 * 16) / 9) * 3;
  config.extraction.shard.targetMiB = ((clipsPerShard + 0.5) * clipBytes * 0.75) / MIB;
  return config;
}

interface MeasuredWorker {
  readonly ready: Promise<void>;
  readonly memory: { readonly atMs: number; readonly mib: number }[];
  stop(): Promise<void>;
}

function startWorker(queue: keyof typeof TASK_QUEUES, address: string): MeasuredWorker {
  const { program, args } = nodeWithTypeScript();
  const child: ChildProcess = spawn(program, [...args, WORKER, queue], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [ENVIRONMENT.temporalAddress]: address },
  });
  const memory: { atMs: number; mib: number }[] = [];
  const exited = once(child, 'exit');
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (message: MemoryMessage | 'ready') => {
      if (message === 'ready') resolve();
      else memory.push({ atMs: Date.now(), mib: message.rssBytes / MIB });
    });
    void exited.then(([code]) => {
      reject(new Error(`the ${queue} worker ended with ${String(code)}`));
    });
  });
  return {
    ready,
    memory,
    stop: async () => {
      ready.catch(() => undefined);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}

function memoryBetween({ memory }: MeasuredWorker, from: number, to: number): WorkerMemory {
  const warm = from + WARM_UP_SHARE * (to - from);
  const samples = memory.filter(({ atMs }) => atMs >= warm && atMs <= to).map(({ mib }) => mib);
  const third = Math.max(1, Math.floor(samples.length / 3));
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  return {
    earlyMiB: mean(samples.slice(0, third)),
    lateMiB: mean(samples.slice(-third)),
    mostMiB: memory.reduce((most, { mib }) => Math.max(most, mib), 0),
  };
}
