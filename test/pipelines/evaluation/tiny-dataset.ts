/** A published dataset of a few real clips: two classes that differ in tone and colour. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { publishDataset } from '../../../bench/harness/publish-dataset.ts';
import { runConfigSchema, type RunConfig } from '../../../schemas/config/config.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import type { Store } from '../../../pipelines/store/store.ts';

const CLASSES = [
  { name: 'low', toneHz: 300, colour: 'red' },
  { name: 'high', toneHz: 3000, colour: 'blue' },
] as const;
const CLIPS_A_CLASS = { train: 6, test: 4 } as const;

export interface TinyDataset {
  readonly config: RunConfig;
  readonly manifest: DatasetManifest;
}

/** Of the eight test clips, `test/low/0` has no sound. */
export async function publishTinyDataset(store: Store, root: string): Promise<TinyDataset> {
  for (const [split, clips] of Object.entries(CLIPS_A_CLASS)) {
    for (const { name, toneHz, colour } of CLASSES) {
      for (let n = 0; n < clips; n += 1) {
        const sound = split === 'test' && name === 'low' && n === 0 ? undefined : toneHz + 40 * n;
        await makeClip(join(root, split, name, `${String(n)}.mp4`), colour, sound);
      }
    }
  }
  const config = runConfigSchema.parse({
    name: 'tiny',
    dataset: { format: 'folder', root, validationShare: 0 },
    extraction: { audio: { durationS: 1 }, video: { frames: 2, fps: 2, shortSide: 36 } },
    training: {
      methods: ['b-mm'],
      epochs: 2,
      batchSize: 4,
      encoder: { width: 4 },
      cropPx: 32,
      optimizer: { name: 'adam' },
      threads: 1,
    },
    evaluation: { batchSize: 3, noiseLevels: [1, 4] },
  });
  const extractor = await createFfmpegExtractor();
  return { config, manifest: await publishDataset(store, config, extractor) };
}

async function makeClip(path: string, colour: string, toneHz: number | undefined): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const sound =
    toneHz === undefined ? [] : ['-f', 'lavfi', '-i', `sine=frequency=${String(toneHz)}:duration=1`];
  await execa('ffmpeg', [
    ...[
      '-hide_banner',
      '-loglevel',
      'error',
      '-y',
      '-f',
      'lavfi',
      '-i',
      `color=${colour}:size=64x48:rate=10:duration=1`,
    ],
    ...sound,
    ...['-pix_fmt', 'yuv420p', path],
  ]);
}
