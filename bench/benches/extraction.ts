/** Extraction: from clips to published, hashed shards, beside the usual Python way and a bare decode by ffmpeg. */
import { mkdir, mkdtemp, open, copyFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import pLimit from 'p-limit';
import { z } from 'zod';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import { datasetConfigSchema } from '../../schemas/config/dataset-config.ts';
import { indexDataset } from '../../pipelines/datasets/index-dataset.ts';
import { createFfmpegExtractor } from '../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../pipelines/extraction/node-av/pool.ts';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import { ffmpegPath } from '../../pipelines/process/ffmpeg-path.ts';
import { readMachine } from '../../pipelines/process/machine/machine.ts';
import { planWork } from '../../pipelines/process/machine/plan-work.ts';
import { buildShard } from '../../pipelines/shards/write/build-shard.ts';
import { planRebuild } from '../../pipelines/shards/plan/plan-rebuild.ts';
import { ClipTurns } from '../../pipelines/shards/write/clip-turns.ts';
import { publishManifest } from '../../pipelines/shards/publish-manifest.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import type { Figure } from '../harness/figure.ts';
import { inTurns, secondsOf } from '../harness/in-turns.ts';
import { requirePeerPython } from '../harness/peers.ts';
import { PythonProcess } from '../harness/python-process.ts';
import { renderClip } from '../harness/render-clip.ts';

const CLIPS = 120;
const QUICK_CLIPS = 16;
/** Clips that differ in picture and sound; the others are these with other bytes at the end of the file. */
const DISTINCT_CLIPS = 24;
/** Of so many clips two are in the test split. */
const TEST_EVERY = 8;
const CLASSES = ['a', 'b'] as const;

export const bench: Bench = {
  title: 'Extraction',
  method:
    'Clips of 480 × 360, 25 fps, 3 s, h264 (one keyframe) and aac, with as many at a time as there are cores. ' +
    'Ours is the whole rebuild but for Temporal (`indexDataset`, `planRebuild`, `buildShard`, `publishManifest`; as many shards at once as a worker takes): source hashes, 3 frames and a ' +
    'spectrogram a clip, shards written, flushed to the disk and hashed. ' +
    'Python reads every frame with OpenCV, keeps one a second as JPEG, and makes the spectrogram with librosa; nothing of it is hashed. ' +
    'Its processes and ours were started before the clock.',
  measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  const { quick, rounds, scratch, say } = context;
  say('making clips');
  const clipFolder = join(scratch, 'clips');
  const clips = await makeClips(clipFolder, quick ? QUICK_CLIPS : CLIPS);
  const workers = availableParallelism();
  const python = await requirePeerPython('media', say);
  const peer = await PythonProcess.start(python, 'extract.py', [String(workers)]);
  try {
    const nodeAv = await createNodeAvExtractor();
    const ffmpeg = await createFfmpegExtractor();
    const wavFolder = join(scratch, 'wav');
    const rebuilt = (extractor: Extractor) => async () =>
      await rebuildRate(scratch, clipFolder, clips.length, extractor, workers);
    const viaPython = (makesWav: boolean) => async () => {
      const folder = await mkdtemp(join(scratch, 'python-'));
      const task = { clips, folder, wavFolder, makesWav };
      const { seconds } = await peer.ask(task, z.object({ seconds: z.number() }));
      return clips.length / seconds;
    };
    // Not in the figures: every engine has then run, and the WAV files are there.
    await viaPython(true)();
    await rebuilt(nodeAv)();
    const rates = await inTurns(rounds, {
      nodeAv: rebuilt(nodeAv),
      python: viaPython(true),
      pythonWithoutWav: viaPython(false),
      null: async () => await decodeRate(clips, workers, []),
      nullOneThread: async () => await decodeRate(clips, workers, ['-threads', '1']),
      ffmpeg: rebuilt(ffmpeg),
    });
    for (const [name, values] of Object.entries(rates))
      say(`${name}: ${values.map((v) => v.toFixed(1)).join(' ')}`);
    const rate = (
      name: string,
      ours: number[],
      peerName: string,
      samples: number[],
      ratio?: number,
    ): Figure => ({
      ...{ name, unit: 'clips/s', better: 'higher', ours, peer: { name: peerName, samples } },
      ...(ratio === undefined ? {} : { goal: { ratio } }),
    });
    const bareDecode = '`ffmpeg -i clip -f null -`';
    return [
      rate('Rebuild, node-av (the default)', rates.nodeAv, 'OpenCV, ffmpeg → wav, librosa', rates.python, 4),
      rate(
        'Rebuild, node-av (the default)',
        rates.nodeAv,
        'the same, wav files there already',
        rates.pythonWithoutWav,
      ),
      rate('Rebuild, node-av (the default)', rates.nodeAv, bareDecode, rates.null, 2.5),
      rate(
        'Rebuild, node-av (the default)',
        rates.nodeAv,
        `${bareDecode} with \`-threads 1\``,
        rates.nullOneThread,
        2.5,
      ),
      rate('Rebuild, ffmpeg', rates.ffmpeg, 'OpenCV, ffmpeg → wav, librosa', rates.python),
      rate('Rebuild, ffmpeg', rates.ffmpeg, bareDecode, rates.null),
    ];
  } finally {
    await peer.stop();
  }
}

/** Clips a second from an empty store to a published manifest. */
async function rebuildRate(
  scratch: string,
  clipFolder: string,
  count: number,
  extractor: Extractor,
  workers: number,
): Promise<number> {
  const store = openStore(`file:${await mkdtemp(join(scratch, 'store-'))}`);
  const dataset = datasetConfigSchema.parse({ format: 'folder', root: clipFolder, validationShare: 0 });
  const name = 'bench';
  const seconds = await secondsOf(async () => {
    const index = await indexDataset(dataset);
    const extraction = extractionConfigSchema.parse({});
    const plan = await planRebuild({ store, name, index, extraction, extractorVersion: extractor.version });
    const { version } = plan;
    const turns = new ClipTurns(workers);
    await pLimit(planWork(readMachine()).slots.media).map(
      plan.shardsToBuild,
      async (shardIndex) => await buildShard({ store, name, version, shardIndex, extractor, turns }),
    );
    const manifest = await publishManifest({ store, name, version });
    const rows = manifest.splits.train.rows + manifest.splits.test.rows;
    if (rows !== count) throw new Error(`${rows} of ${count} clips were extracted`);
  });
  return count / seconds;
}

async function decodeRate(
  clips: readonly string[],
  atOnce: number,
  words: readonly string[],
): Promise<number> {
  const limit = pLimit(atOnce);
  const decode = async (path: string) =>
    await execa(ffmpegPath(), ['-nostdin', '-v', 'error', ...words, '-i', path, '-f', 'null', '-']);
  const seconds = await secondsOf(async () => {
    await Promise.all(clips.map(async (clip) => await limit(async () => await decode(clip))));
  });
  return clips.length / seconds;
}

async function makeClips(folder: string, count: number): Promise<string[]> {
  for (const split of ['train', 'test']) {
    for (const name of CLASSES) await mkdir(join(folder, split, name), { recursive: true });
  }
  const limit = pLimit(availableParallelism());
  const pathOf = (n: number) =>
    join(
      folder,
      n % TEST_EVERY < 2 ? 'test' : 'train',
      CLASSES[n % CLASSES.length]!,
      `clip-${String(n).padStart(4, '0')}.mp4`,
    );
  const distinct = Math.min(count, DISTINCT_CLIPS);
  await Promise.all(
    Array.from({ length: distinct }, async (_, n) => await limit(async () => await makeClip(pathOf(n), n))),
  );
  for (let n = distinct; n < count; n += 1) {
    await copyFile(pathOf(n % distinct), pathOf(n));
    await appendFreeBox(pathOf(n), n);
  }
  return Array.from({ length: count }, (_, n) => pathOf(n));
}

async function makeClip(path: string, n: number): Promise<void> {
  await renderClip(path, {
    picture: `testsrc2=size=480x360:rate=25:duration=3,hue=h=${15 * n}`,
    sound: `sine=frequency=${200 + 40 * n}:sample_rate=44100:duration=3`,
    encoding: ['-preset', 'medium', '-crf', '23', '-g', '250', '-b:a', '96k'],
  });
}

/** A box that every MP4 reader skips: the file's hash is another, what is decoded is not. */
async function appendFreeBox(path: string, n: number): Promise<void> {
  const box = Buffer.alloc(16);
  box.writeUInt32BE(box.length);
  box.write('free', 4, 'latin1');
  box.writeUInt32BE(n, 8);
  const file = await open(path, 'a');
  await file.write(box);
  await file.close();
}
