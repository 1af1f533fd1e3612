/** The files that training and evaluation leave in a store, filled with made-up but contract-true values. */
import sharp from 'sharp';
import { storePaths } from '../../schemas/names.ts';
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import { datasetManifestSchema, type DatasetManifest } from '../../schemas/manifest.ts';
import { isFeatures, type Modality } from '../../schemas/modality.ts';
import {
  epochMetricsSchema,
  evaluationResultSchema,
  type Scores,
  type TrainingSpec,
} from '../../schemas/training.ts';
import { confusionMatrix } from '../../pipelines/evaluation/metrics/confusion.ts';
import { tallyGroups } from '../../pipelines/evaluation/metrics/group-bootstrap.ts';
import { classScores } from '../../pipelines/evaluation/metrics/per-class.ts';
import { encodeUmap, type UmapPoint } from '../../pipelines/evaluation/umap-table.ts';
import { randomGenerator, type Generator } from '../../pipelines/random/generator.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';

/** Whose clips are told apart only as theirs. */
const SPEAKERS = 20;

export interface MadeUpRun {
  readonly config: RunConfig;
  readonly manifest: DatasetManifest;
  readonly trainings: readonly TrainingSpec[];
}

export interface MadeUpOptions {
  readonly classNames: readonly string[];
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
  readonly modalities?: readonly Modality[];
  readonly epochs?: number;
  readonly testClips?: number;
  /** Points of a layout, of training and of test clips each; default: of all clips. */
  readonly layoutPoints?: number;
  readonly clipName?: (n: number) => string;
}

/** Puts metrics, layouts and evaluations of every method and seed into the store. */
export async function makeUpRun(store: Store, options: MadeUpOptions): Promise<MadeUpRun> {
  const { classNames, methods, seeds, epochs = 30, testClips = 240 } = options;
  const modalities = [...(options.modalities ?? (['audio', 'rgb'] as const))];
  const clipName = options.clipName ?? ((n: number) => `clip-${String(n).padStart(4, '0')}`);
  const config = runConfigSchema.parse({
    name: 'made-up',
    dataset: { format: 'folder', root: 'clips' },
    extraction: { modalities },
    training: { methods, seeds, epochs },
  });
  const manifest = manifestOf(config, classNames, testClips, clipName);
  const trainings = trainingSpecs(config, manifest);
  const points = { train: options.layoutPoints ?? 3 * testClips, test: options.layoutPoints ?? testClips };
  for (const spec of trainings) await makeUpTraining(store, spec, classNames, testClips, clipName, points);
  return { config, manifest, trainings };
}

export function manifestOf(
  config: RunConfig,
  classNames: readonly string[],
  testClips: number,
  clipName: (n: number) => string,
): DatasetManifest {
  const { modalities } = config.extraction;
  const counts = (clips: number) =>
    classNames.map((_, k) => Math.floor(clips / classNames.length) + (k < clips % classNames.length ? 1 : 0));
  const split = (clips: number) => ({
    rows: clips,
    classCounts: counts(clips),
    missingCounts: Object.fromEntries(modalities.map((modality, i) => [modality, i * 3])),
  });
  const quarantine = [
    {
      clipId: clipName(9001),
      path: '/clips/9001.mp4',
      split: 'train',
      code: 'empty',
      reason: 'the file is empty',
    },
    {
      clipId: clipName(9002),
      path: '/clips/9002.mp4',
      split: 'test',
      code: 'unreadable',
      reason: 'moov atom not found; the file ends before its index',
    },
  ];
  return datasetManifestSchema.parse({
    formatVersion: 1,
    name: 'made-up',
    version: 'c0ffee0123456789',
    classNames,
    modalities,
    extraction: config.extraction,
    extractorVersion: 'ffmpeg-1',
    shards: ['train', 'test'].map((name) => ({
      path: `datasets/made-up/shards/${name}-0123456789abcdef.arrow`,
      split: name,
      key: '0123456789abcdef',
      rows: 100,
      bytes: 98_304_000,
      sha256: 'f'.repeat(64),
      classCounts: counts(100),
      missingCounts: {},
      sums: {},
      quarantined: [],
    })),
    splits: { train: split(4 * testClips), validation: split(0), test: split(testClips) },
    normalisation: {},
    quarantine,
    index: {
      format: 'folder',
      splitRule: 'by the hash of the clip’s name, a fifth for testing.',
      listed: 5 * testClips + 5,
      found: 5 * testClips + 2,
      listedMissing: { count: 3, examples: [clipName(1), clipName(2), clipName(3)] },
      unlisted: { count: 1, examples: ['notes.txt'] },
      notes: ['2 groups are in both splits'],
    },
  });
}

/** @returns true and predicted classes of the test clips */
export async function makeUpTraining(
  store: Store,
  spec: TrainingSpec,
  classNames: readonly string[],
  testClips: number,
  clipName: (n: number) => string,
  points: Readonly<Record<'train' | 'test', number>> = { train: 3 * testClips, test: testClips },
): Promise<{ labels: number[]; predicted: number[] }> {
  const { trainingId, modalities, method, seed } = spec;
  const random = randomGenerator(seed, `made-up/${method}`);
  const skill = 0.7 + 0.15 * random.uniform();
  const branchSkill = (modality: Modality) =>
    skill * (isFeatures(modality) ? 0.6 : { audio: 0.85, rgb: 0.5, flow: 0.4 }[modality]);
  const each = (value: (modality: Modality) => number) =>
    Object.fromEntries(modalities.map((modality) => [modality, value(modality)]));
  const metrics = Array.from({ length: spec.training.epochs }, (_, i) => {
    const rise = 1 - Math.exp(-(i + 1) / 8);
    const jitter = () => 0.02 * random.normal();
    const share = (value: number) => Math.min(1, Math.max(0, value));
    return epochMetricsSchema.parse({
      epoch: i + 1,
      step: 10 * (i + 1),
      learningRate: 1e-3,
      loss: 2.3 * (1 - 0.8 * rise),
      train: {
        loss: 1,
        fused: share(0.99 * rise),
        branches: each((m) => share((branchSkill(m) + 0.1) * rise)),
      },
      test: {
        loss: 1,
        fused: share(skill * rise + jitter()),
        branches: each((m) => share(branchSkill(m) * rise + jitter())),
      },
      rho: each((m) => (m === 'audio' ? 1 + rise : 1 / (1 + rise))),
      ...(method.endsWith('mm')
        ? { lambda: each((m) => (m === 'audio' ? 0.75 + 0.1 * rise : 0.75 - 0.1 * rise)) }
        : {}),
      ...(method === 'ogm-ge' ? { coefficient: each((m) => (m === 'audio' ? 1 - 0.5 * rise : 1)) } : {}),
      seconds: 12,
      clipsPerS: 80,
    });
  });
  await store.put(
    storePaths.metrics(trainingId),
    metrics.map((line) => `${JSON.stringify(line)}\n`).join(''),
  );
  await store.put(
    storePaths.umap(trainingId),
    encodeUmap(layouts(modalities, classNames.length, points, random)),
  );

  const labels = Array.from({ length: testClips }, (_, n) => n % classNames.length);
  const predicted = labels.map((k) => (random.uniform() < skill ? k : random.integer(classNames.length)));
  const accuracy = labels.filter((k, n) => k === predicted[n]).length / testClips;
  const scores = (share: number): Scores => ({
    samples: testClips,
    accuracy: accuracy * share,
    macroF1: accuracy * share * 0.98,
    meanAveragePrecision: Math.min(1, accuracy * share * 1.04),
    expectedCalibrationError: 0.08,
  });
  const confusion = confusionMatrix(labels, predicted, classNames.length);
  const speakers = labels.map((_, n) => `speaker ${String(n % SPEAKERS)}`);
  const wrong = labels.flatMap((k, n) => (k === predicted[n] ? [] : [n])).slice(0, 12);
  const evaluation = evaluationResultSchema.parse({
    formatVersion: 1,
    trainingId,
    method,
    seed,
    modalities,
    classNames,
    split: 'test',
    epoch: spec.training.epochs,
    fused: scores(1),
    branches: Object.fromEntries(modalities.map((m) => [m, scores(branchSkill(m))])),
    probes: Object.fromEntries(
      modalities.map((m) => [
        m,
        {
          samples: testClips,
          accuracy: Math.min(1, 1.2 * accuracy * branchSkill(m)),
          strength: 0.01,
          chosenOn: 'validation',
        },
      ]),
    ),
    temperature: {
      ...{ value: 1.7, validationClips: testClips },
      before: { expectedCalibrationError: 0.08, negativeLogLikelihood: 1.1 },
      after: { expectedCalibrationError: 0.03, negativeLogLikelihood: 0.9 },
    },
    perClass: classScores(confusion),
    groups: { ...tallyGroups(speakers, labels, predicted), grouped: testClips },
    dropped:
      modalities.length < 2 ? {} : Object.fromEntries(modalities.map((m) => [m, scores(1 - branchSkill(m))])),
    noised: modalities.flatMap((m) =>
      spec.evaluation.noiseLevels.map((level) => ({
        modality: m,
        level,
        scores: scores(1 - branchSkill(m) * Math.min(1, level / 3)),
      })),
    ),
    confusion,
    misclassified: await Promise.all(
      wrong.map(async (n, i) => ({
        clipId: clipName(n),
        label: labels[n],
        predicted: predicted[n],
        probability: 0.97 - 0.02 * i,
        branchPredicted: Object.fromEntries(
          modalities.map((m, j) => [m, j === 0 ? predicted[n] : labels[n]]),
        ),
        ...(modalities.includes('rgb') && i !== 3 ? { frame: await picture(n) } : {}),
      })),
    ),
    features: {
      train: storePaths.features(trainingId, 'train'),
      test: storePaths.features(trainingId, 'test'),
    },
    umap: storePaths.umap(trainingId),
  });
  await store.put(storePaths.evaluation(trainingId), JSON.stringify(evaluation));
  return { labels, predicted };
}

function layouts(
  modalities: readonly Modality[],
  classes: number,
  points: Readonly<Record<'train' | 'test', number>>,
  random: Generator,
): UmapPoint[] {
  return [...modalities, 'fused'].flatMap((space) => {
    const spread = { audio: 1.3, rgb: 3, flow: 3, fused: 0.8 }[space] ?? 1;
    const centres = Array.from(
      { length: classes },
      () => [6 * random.normal(), 6 * random.normal()] as const,
    );
    return (['train', 'test'] as const).flatMap((split) =>
      Array.from({ length: points[split] }, (_, n) => {
        const [x = 0, y = 0] = centres[n % classes] ?? [];
        return {
          clipId: `${split}-${String(n)}`,
          split,
          label: n % classes,
          space,
          x: x + spread * random.normal(),
          y: y + spread * random.normal(),
        };
      }),
    );
  });
}

async function picture(n: number): Promise<string> {
  const background = { r: (n * 53) % 256, g: (n * 97) % 256, b: (n * 151) % 256 };
  const jpeg = await sharp({ create: { width: 160, height: 120, channels: 3, background } })
    .jpeg()
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
