/** A published dataset of little clips with features that tell the class, and a spec to train on it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extractionConfigSchema, runConfigSchema, type MethodName } from '../../../schemas/config.ts';
import type { Split } from '../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { openStore, type Store } from '../../../pipelines/store/store.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { clipOf, newFolder, rebuild } from '../shards/fixtures.ts';

const AUDIO = [33, 20] as const;
const FRAMES = 2;
const HEIGHT = 36;
const WIDTH = 40;

/** Label 0 is bright at the top, label 1 at the bottom; every fifth clip has no picture. */
const drawing: Extractor = {
  version: 'drawn-1',
  extract: async (clip) => {
    const random = randomGenerator(1, 'drawing', 0, Number(clip.clipId.split('-')[1]));
    const at = (row: number, rows: number) => Number(Math.floor((2 * row) / rows) === clip.label);
    const audio = Float32Array.from(
      { length: AUDIO[0] * AUDIO[1] },
      (_, i) => random.normal() + 2 * at(Math.floor(i / AUDIO[1]), AUDIO[0]),
    );
    const rgb = Uint8Array.from(
      { length: FRAMES * HEIGHT * WIDTH * 3 },
      (_, i) => 100 * random.uniform() + 100 * at(Math.floor(i / (3 * WIDTH)) % HEIGHT, HEIGHT),
    );
    const blind = Number(clip.clipId.split('-')[1]) % 5 === 4;
    return {
      audio: { data: audio, shape: AUDIO },
      ...(blind ? {} : { rgb: { data: rgb, shape: [FRAMES, HEIGHT, WIDTH, 3] as const } }),
      missing: blind ? { rgb: { code: 'no-stream', reason: 'as the test says' } } : {},
    };
  },
};

export interface TinyDataset {
  readonly store: Store;
  readonly manifest: DatasetManifest;
}

/** 22 clips to train on, 4 to validate, 6 to test. */
export async function publishTinyDataset(): Promise<TinyDataset> {
  const folder = newFolder();
  const store = openStore(`file:${join(folder, 'store')}`);
  mkdirSync(join(folder, 'clips'));
  const splits: Split[] = [
    ...Array<Split>(22).fill('train'),
    ...Array<Split>(4).fill('validation'),
    ...Array<Split>(6).fill('test'),
  ];
  const clips = splits.map((split, i) => {
    const path = join(folder, 'clips', `${String(i)}.bin`);
    writeFileSync(path, String(i));
    return clipOf(path, i, split);
  });
  const extraction = extractionConfigSchema.parse({
    audio: { sampleRateHz: 8000, nFft: 64, hop: 400, durationS: 0.95 },
    video: { fps: 2, frames: FRAMES, shortSide: HEIGHT },
  });
  const { manifest } = await rebuild(store, clips, extraction, drawing);
  return { store, manifest };
}

/** 5 steps an epoch. */
export function tinySpec(
  { manifest }: TinyDataset,
  method: MethodName,
  changes: Record<string, unknown> = {},
): TrainingSpec {
  const config = runConfigSchema.parse({
    name: 'tiny',
    dataset: { format: 'digits', root: 'clips' },
    training: {
      methods: [method],
      epochs: 2,
      batchSize: 5,
      cropPx: 32,
      encoder: { width: 2 },
      optimizer: { name: 'adam', learningRate: 3e-3 },
      augment: { cropMinScale: 0.6, flip: true },
      checkpoint: { everySteps: 2, keepLast: 2 },
      ...changes,
    },
  });
  return trainingSpecs(config, manifest)[0]!;
}
