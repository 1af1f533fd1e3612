/** A clip's vectors that were computed elsewhere, from its files to the shape that the config asks for. */
import { readFile } from 'node:fs/promises';
import type { Clip } from '../../../schemas/clip.ts';
import { featureShape, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { featureName, isFeatures, type FeatureModality } from '../../../schemas/modality.ts';
import { ClipUnusable, type ExtractedClip, type MissingModality, type VectorFeature } from '../extractor.ts';
import { NpyProblem, parseNpy, shapeText, type NpyArray } from './npy.ts';

/**
 * All sets of features that the config asks for; one that the clip has no file of is missing.
 *
 * @throws ClipUnusable `unreadable` naming the file, when it is not what the config says: such a clip is not used, since
 *   the program that made the file made others
 */
export async function readFeatures(
  clip: Pick<Clip, 'features'>,
  config: Pick<ExtractionConfig, 'modalities' | 'features'>,
): Promise<Pick<ExtractedClip, FeatureModality | 'missing'>> {
  const found: Record<FeatureModality, VectorFeature> = {};
  const missing: Record<FeatureModality, MissingModality> = {};
  for (const modality of config.modalities.filter(isFeatures)) {
    const name = featureName(modality);
    const file = clip.features?.[name];
    if (file === undefined)
      missing[modality] = {
        code: 'no-stream',
        reason: `it has no file of them (<clip>.${name}.npy, or the column features:${name})`,
      };
    else found[modality] = await readVectors(file, name, featureShape(modality, config));
  }
  return { ...found, missing };
}

async function readVectors(
  file: string,
  name: string,
  [frames, dims]: readonly [number, number],
): Promise<VectorFeature> {
  try {
    const array = parseNpy(await readFile(file));
    checkVectors(array, name, dims);
    const steps = array.shape.length === 1 ? 1 : array.shape[0]!;
    return { data: partMeans(array.values, steps, dims, frames), shape: [frames, dims] };
  } catch (error) {
    if (error instanceof NpyProblem) throw new ClipUnusable('unreadable', `${file} ${error.message}`);
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    throw new ClipUnusable(
      code === 'ENOENT' ? 'missing-file' : 'unreadable',
      `${file} cannot be read (${code})`,
    );
  }
}

function checkVectors({ shape, values }: NpyArray, name: string, dims: number): void {
  const found = shapeText(shape);
  if (shape.length < 1 || shape.length > 2) {
    throw new NpyProblem(
      `has the shape ${found}: a vector [D], or one for each step of time [T, D], is read`,
    );
  }
  if (shape.at(-1) !== dims) {
    throw new NpyProblem(
      `has the shape ${found}, and extraction.features.${name}.dims says that vectors are ${String(dims)} long`,
    );
  }
  if (values.length === 0) throw new NpyProblem(`has the shape ${found}: it holds nothing`);
  const odd = values.findIndex((value) => !Number.isFinite(value));
  if (odd === -1) return;
  const place = shape.length === 1 ? [odd] : [Math.floor(odd / dims), odd % dims];
  throw new NpyProblem(`has ${String(values[odd])} at ${shapeText(place)}`);
}

/**
 * The means of `parts` equal parts of the time, as PyTorch's `adaptive_avg_pool1d` cuts them: part n goes from ⌊n T / parts⌋
 * to ⌈(n + 1) T / parts⌉, so that fewer steps than parts are repeated.
 *
 * @param values [T, D]
 * @returns [parts, D]
 */
export function partMeans(values: Float32Array, steps: number, dims: number, parts: number): Float32Array {
  const means = new Float32Array(parts * dims);
  for (let part = 0; part < parts; part += 1) {
    const from = Math.floor((part * steps) / parts);
    const to = Math.ceil(((part + 1) * steps) / parts);
    for (let d = 0; d < dims; d += 1) {
      let sum = 0;
      for (let t = from; t < to; t += 1) sum += values[t * dims + d]!;
      means[part * dims + d] = sum / (to - from);
    }
  }
  return means;
}
