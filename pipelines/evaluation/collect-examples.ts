/** The clips a model was most wrong about, with a small picture of each. */
import sharp from 'sharp';
import { entriesOf, type Modality } from '../../schemas/modality.ts';
import type { EvaluationResult } from '../../schemas/training.ts';
import type { PictureFeature } from '../extraction/extractor.ts';
import { predictedClasses, type Predictions } from './metrics/predictions.ts';

export type Misclassified = EvaluationResult['misclassified'][number];

/** Longer side of an example's picture. */
const THUMBNAIL_PX = 160;
const JPEG_QUALITY = 72;

export interface ExamplesInput {
  readonly predictions: Predictions;
  readonly clipIds: readonly string[];
  /** Class each branch chose, one a clip; undefined where the clip lacks the modality. */
  readonly branchPredicted: Partial<Record<Modality, readonly (number | undefined)[]>>;
  readonly count: number;
  /** rgb frames of a test clip; undefined when it has none. */
  readonly frames: (row: number) => PictureFeature | undefined;
}

/** The `count` wrong predictions with the highest probability, surest first; of equals the first clip. */
export async function collectExamples(input: ExamplesInput): Promise<Misclassified[]> {
  const { predictions, clipIds, branchPredicted, count, frames } = input;
  const predicted = predictedClasses(predictions);
  const probability = (row: number): number =>
    predictions.probabilities[row * predictions.classCount + (predicted[row] ?? 0)] ?? 0;
  const wrong = clipIds
    .map((_, row) => row)
    .filter((row) => predicted[row] !== predictions.labels[row])
    .sort((a, b) => probability(b) - probability(a) || a - b)
    .slice(0, count);
  const examples: Misclassified[] = [];
  for (const row of wrong) {
    const branches = entriesOf(branchPredicted).flatMap(([modality, classes]) =>
      classes[row] === undefined ? [] : [[modality, classes[row]] as const],
    );
    const picture = frames(row);
    examples.push({
      clipId: clipIds[row] ?? '',
      label: predictions.labels[row] ?? 0,
      predicted: predicted[row] ?? 0,
      probability: probability(row),
      branchPredicted: Object.fromEntries(branches),
      ...(picture === undefined ? {} : { frame: await middleFrame(picture) }),
    });
  }
  return examples;
}

/** @returns the middle frame as a JPEG data URI, its longer side at most `THUMBNAIL_PX` */
export async function middleFrame({ data, shape }: PictureFeature): Promise<string> {
  const [frames, height, width, channels] = shape;
  const size = height * width * channels;
  const start = Math.floor(frames / 2) * size;
  const jpeg = await sharp(data.subarray(start, start + size), {
    raw: { width, height, channels: channels === 1 ? 1 : 3 },
  })
    .resize({ width: THUMBNAIL_PX, height: THUMBNAIL_PX, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
