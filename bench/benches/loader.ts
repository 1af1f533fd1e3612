/** The loader alone, without a training: rows as they are stored, and cropped, flipped and normalised. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { openBatches } from '../../pipelines/training/data/batch-source.ts';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import { openShards, type ShardSet } from '../../pipelines/shards/read/shard-reader.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { trainingBatches, type BatchReaderOptions } from '../../pipelines/training/data/batches.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import type { Figure } from '../harness/figure.ts';
import { inTurns, secondsOf } from '../harness/in-turns.ts';
import { requireDebianTorch, requirePeerPackages, SYSTEM_PYTHON } from '../harness/peers.ts';
import { PythonProcess } from '../harness/python-process.ts';
import type { ReadTask } from './loader-thread.ts';
import { publishNoise } from './training-data.ts';

const CLIPS = 400;
const QUICK_CLIPS = 100;
const FRAMES = 3;
const MODALITIES = ['audio', 'rgb'] as const;
const CROP_PX = 224;
const BATCH = 32;
/** Times the rows are read in a round: a second or more of work for each. Quick: once. */
const PASSES = { ours: 32, oursAugmented: 1 } as const;
/** Of a peer's: passes over the rows are one epoch to it. */
const PEER_PASSES = { plain: 4, augmented: 1 } as const;
const PEER_EPOCHS = { plain: 2, augmented: 1 } as const;
/** Not counted: until the engine has compiled what it reads with, and every page is where it stays. */
const WARM_UPS = 2;
const WORKERS = [1, 2] as const;
const STREAMING = 'mosaicml-streaming';
const WEBDATASET = 'webdataset';
const GOALS = { [STREAMING]: { ratio: 2 }, [WEBDATASET]: { ratio: 4 } } as const;
type Peer = keyof typeof GOALS;
/** The peers load it with their first line, and leave it to the system. */
const BESIDES_TORCH = { PIL: 'python3-pil' } as const;

const versionsSchema = z.object({ streaming: z.string(), webdataset: z.string(), torch: z.string() });
const answerSchema = z.object({ samplesPerS: z.number(), setting: z.string() });

export const bench: Bench = {
  title: 'Loader',
  method:
    'Rows of the default extraction (0.98 MB: spectrogram and 3 frames), shuffled, in memory already as the system’s file ' +
    'cache; a row counts when every page of its decoded bytes was read by the thread or process that decoded it. Neither ours ' +
    'nor the peers hand rows on, and the start of threads, processes and epochs is not counted; the peers run with the best of ' +
    'several batch sizes, in their own process or in workers. Augmented: random ' +
    'resized crop to 224 × 224, flip, float32 normalised; ours as training gets it, in batches handed to another thread.',
  measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  const { quick, scratch, say } = context;
  await requireDebianTorch(say, BESIDES_TORCH);
  const packages = await requirePeerPackages('loaders', say);
  const clips = quick ? QUICK_CLIPS : CLIPS;
  const { storeUri, manifest } = await publishNoise(scratch, clips, FRAMES);
  const store = openStore(storeUri);
  const shards = await openShards({ store, manifest, split: 'train', modalities: MODALITIES });
  const folder = join(scratch, 'peers');
  const shapes = await writeRows(shards, folder);
  const peer = await PythonProcess.start(SYSTEM_PYTHON, 'loaders.py', [
    ...[packages, folder, String(shards.rows)],
    ...[JSON.stringify(shapes.audio), JSON.stringify(shapes.rgb)],
  ]);
  try {
    const versions = await peer.ask({ ask: 'versions' }, versionsSchema);
    const named = { [STREAMING]: versions.streaming, [WEBDATASET]: versions.webdataset };
    const figures: Figure[] = [];
    for (const workers of WORKERS) {
      figures.push(...(await comparePlain(context, shards, peer, named, workers)));
    }
    const options = { manifest, modalities: MODALITIES, cropPx: CROP_PX };
    figures.push(await compareAugmented(context, shards, options, peer, named));
    return figures;
  } finally {
    await peer.stop();
    shards.close();
  }
}

/** As the peers' script takes them. */
async function writeRows(shards: ShardSet, folder: string) {
  await mkdir(folder, { recursive: true });
  const files = {
    audio: createWriteStream(join(folder, 'audio.bin')),
    rgb: createWriteStream(join(folder, 'rgb.bin')),
  };
  const first = shards.read(0);
  for (let row = 0; row < shards.rows; row += 1) {
    const { audio, rgb } = shards.read(row);
    const { buffer, byteOffset, byteLength } = audio!.data;
    if (!files.audio.write(new Uint8Array(buffer, byteOffset, byteLength))) await once(files.audio, 'drain');
    if (!files.rgb.write(rgb!.data)) await once(files.rgb, 'drain');
  }
  for (const file of Object.values(files)) {
    file.end();
    await once(file, 'close');
  }
  return { audio: first.audio!.shape, rgb: first.rgb!.shape };
}

async function comparePlain(
  { quick, rounds, say }: BenchContext,
  shards: ShardSet,
  peer: PythonProcess,
  versions: Readonly<Record<Peer, string>>,
  workers: number,
): Promise<Figure[]> {
  const times = quick ? 1 : PASSES.ours;
  const passes = quick ? 1 : PEER_PASSES.plain;
  const told = (who: string, speed: number, setting = '') => {
    say(`${who}, ${String(workers)}: ${speed.toFixed(0)} samples/s ${setting}`);
    return speed;
  };
  const ask = (loader: Peer) => async () => {
    const question = { loader, workers, augment: false, passes, epochs: PEER_EPOCHS.plain };
    const { samplesPerS, setting } = await peer.ask(question, answerSchema);
    return told(loader, samplesPerS, setting);
  };
  const threads = await Promise.all(Array.from({ length: workers }, startThread));
  try {
    const order = Int32Array.from(randomGenerator(0, 'bench/loader').permutation(shards.rows));
    const ours = async () => {
      const seconds = await secondsOf(async () => {
        await Promise.all(
          threads.map(async (thread, place) => {
            const share = order.filter((_, i) => i % workers === place);
            thread.postMessage({ files: shards.files!, rows: share, times } satisfies ReadTask);
            await once(thread, 'message');
          }),
        );
      });
      return told('ours', (shards.rows * times) / seconds);
    };
    for (let time = 0; time < WARM_UPS; time += 1) await ours();
    const answers = await inTurns(rounds, {
      ours,
      [STREAMING]: ask(STREAMING),
      [WEBDATASET]: ask(WEBDATASET),
    });
    return ([STREAMING, WEBDATASET] as const).map((loader) => ({
      name: `Rows as stored, ${String(workers)} ${workers === 1 ? 'worker' : 'workers'}`,
      unit: 'samples/s',
      better: 'higher',
      ours: answers.ours,
      peer: { name: `${loader} ${versions[loader]}`, samples: answers[loader] },
      goal: GOALS[loader],
    }));
  } finally {
    for (const thread of threads) await thread.terminate();
  }
}

async function startThread(): Promise<Worker> {
  const thread = new Worker(new URL('loader-thread-start.mjs', import.meta.url), { execArgv: [] });
  await once(thread, 'online');
  return thread;
}

async function compareAugmented(
  { rounds, say }: BenchContext,
  shards: ShardSet,
  options: BatchReaderOptions,
  peer: PythonProcess,
  versions: Readonly<Record<Peer, string>>,
): Promise<Figure> {
  const times = PASSES.oursAugmented;
  const sources = await openBatches({ train: shards }, options);
  let epoch = 0;
  const ours = async () => {
    let seen = 0;
    const seconds = await secondsOf(async () => {
      for (let time = 0; time < times; time += 1) {
        epoch += 1;
        const lists = trainingBatches(Int32Array.from(shards.labels.keys()), BATCH, 0, epoch);
        const augment = { cropMinScale: 0.08, flip: true };
        for await (const { size } of sources.of.train.batches(lists, { augment, seed: 0, epoch }))
          seen += size;
      }
    });
    say(`ours, augmented: ${(seen / seconds).toFixed(0)} samples/s`);
    return seen / seconds;
  };
  const theirs = async () => {
    const [passes, epochs] = [PEER_PASSES.augmented, PEER_EPOCHS.augmented];
    const question = { loader: STREAMING, workers: 1, augment: true, passes, epochs };
    const { samplesPerS, setting } = await peer.ask(question, answerSchema);
    say(`${STREAMING}, augmented: ${samplesPerS.toFixed(0)} samples/s ${setting}`);
    return samplesPerS;
  };
  try {
    await ours();
    const answers = await inTurns(rounds, { ours, theirs });
    return {
      name: 'Augmented, 1 worker',
      unit: 'samples/s',
      better: 'higher',
      ours: answers.ours,
      peer: { name: `${STREAMING} ${versions[STREAMING]}, torch`, samples: answers.theirs },
    };
  } finally {
    await sources.close();
  }
}
