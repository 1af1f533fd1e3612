/** A published dataset of little clips with features that tell the class, and a spec to train on it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runConfigSchema, type RunConfig } from '../../../schemas/config/config.ts';
import type { MethodName } from '../../../schemas/config/methods.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import type { Split } from '../../../schemas/clip.ts';
import type { ChannelSums, DatasetManifest } from '../../../schemas/manifest.ts';
import type { Modality } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { addSums, normalisationOf } from '../../../pipelines/shards/native/channel-sums.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { clipOf, newFolder, rebuild } from '../shards/fixtures.ts';

const AUDIO = [33, 20] as const;
const FRAMES = 2;
const HEIGHT = 36;
const WIDTH = 40;

/** Clips from this number on are a later delivery: 1 louder. */
const FIRST_NEW = 100;

/** Label 0 is bright at the top, label 1 at the bottom; every fifth clip has no picture. */
const drawing: Extractor = {
  version: 'drawn-1',
  extract: async (clip) => {
    const number = Number(clip.clipId.split('-')[1]);
    const random = randomGenerator(1, 'drawing', 0, number);
    const loudness = Number(number >= FIRST_NEW);
    const at = (row: number, rows: number) => Number(Math.floor((2 * row) / rows) === clip.label);
    const audio = Float32Array.from(
      { length: AUDIO[0] * AUDIO[1] },
      (_, i) => loudness + random.normal() + 2 * at(Math.floor(i / AUDIO[1]), AUDIO[0]),
    );
    const rgb = Uint8Array.from(
      { length: FRAMES * HEIGHT * WIDTH * 3 },
      (_, i) => 100 * random.uniform() + 100 * at(Math.floor(i / (3 * WIDTH)) % HEIGHT, HEIGHT),
    );
    const blind = number % 5 === 4;
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
  const store = openStore(`file:${join(newFolder(), 'store')}`);
  const splits: Split[] = [
    ...Array<Split>(22).fill('train'),
    ...Array<Split>(4).fill('validation'),
    ...Array<Split>(6).fill('test'),
  ];
  return { store, manifest: await publish(store, [...splits.entries()]) };
}

const NEW_TRAIN = [100, 101, 102, 103, 104, 106];
const NEW_TEST = [110, 111, 112];

/**
 * A later version in the dataset's store: the same clips, and new ones in shards of their own: 6 to train on (four
 * of label 0), 3 to test (two of label 0).
 */
export async function publishTinySnapshot({ store, manifest }: TinyDataset): Promise<TinyDataset> {
  const added = await publish(store, [
    ...NEW_TRAIN.map((i) => [i, 'train'] as const),
    ...NEW_TEST.map((i) => [i, 'test'] as const),
  ]);
  const shards = [...manifest.shards, ...added.shards];
  const summary = (split: Split) => {
    const [a, b] = [manifest.splits[split], added.splits[split]];
    return {
      rows: a.rows + b.rows,
      classCounts: a.classCounts.map((count, k) => count + b.classCounts[k]!),
      missingCounts: { rgb: a.missingCounts.rgb! + b.missingCounts.rgb!, audio: 0 },
    };
  };
  const train = shards.filter(({ split }) => split === 'train');
  const sums = (modality: Modality) =>
    train.reduce<ChannelSums | undefined>((sum, shard) => addSums(sum, shard.sums[modality]!), undefined)!;
  const snapshot: DatasetManifest = {
    ...manifest,
    version: 'snapshot',
    shards,
    splits: { train: summary('train'), validation: summary('validation'), test: summary('test') },
    normalisation: { audio: normalisationOf(sums('audio')), rgb: normalisationOf(sums('rgb')) },
    snapshot: {
      baseVersion: manifest.version,
      extractionKey: 'key',
      generation: 1,
      newShards: added.shards.map(({ path }) => path),
      droppedRows: 0,
    },
  };
  await store.put(storePaths.manifest(snapshot.name, snapshot.version), JSON.stringify(snapshot));
  return { store, manifest: snapshot };
}

async function publish(store: Store, clips: readonly (readonly [number, Split])[]): Promise<DatasetManifest> {
  const folder = newFolder();
  const extraction = extractionConfigSchema.parse({
    audio: { sampleRateHz: 8000, nFft: 64, hop: 400, durationS: 0.95 },
    video: { fps: 2, frames: FRAMES, shortSide: HEIGHT },
  });
  const written = clips.map(([i, split]) => {
    const path = join(folder, `${String(i)}.bin`);
    writeFileSync(path, String(i));
    return clipOf(path, i, split);
  });
  return (await rebuild(store, written, extraction, drawing)).manifest;
}

/**
 * What all methods learn to the last clip within a dozen epochs, on any processor: 2 steps an epoch, of half of the clips
 * each. A training on five clips at a time, cut at random, is one for other tests: where the last two clips of an epoch
 * are of one class, normalised by each other they cannot be told apart, and rounding decides what is made of them.
 */
export const EASY = {
  batchSize: 11,
  augment: { cropMinScale: 1, flip: false },
  encoder: { width: 4 },
} as const;

/** Of the whole dataset 5 steps an epoch. */
export function tinyConfig(
  method: MethodName,
  changes: Record<string, unknown> = {},
  stream: Record<string, unknown> = {},
): RunConfig {
  return runConfigSchema.parse({
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
    stream,
  });
}

export function tinySpec(
  { manifest }: TinyDataset,
  method: MethodName,
  changes: Record<string, unknown> = {},
): TrainingSpec {
  return trainingSpecs(tinyConfig(method, changes), manifest)[0]!;
}
