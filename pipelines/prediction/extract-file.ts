/** A file that no dataset lists, extracted as the clips were that a model was trained on. */
import type { Clip } from '../../schemas/clip.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { featuresBeside } from '../extraction/features/features-beside.ts';
import { ClipUnusable, type ExtractedClip, type Extractor } from '../extraction/extractor.ts';

export type ExtractedFile = { readonly path: string } & (
  { readonly clip: ExtractedClip } | { readonly problem: { readonly code: string; readonly reason: string } }
);

/** What is extracted for the model: of its dataset's way, its own modalities. */
export function extractionFor(
  { modalities }: Pick<TrainingSpec, 'modalities'>,
  manifest: DatasetManifest,
): DatasetManifest['extraction'] {
  // A disturbed dataset is a test of the methods; a person's clips are taken as they are.
  const { disturb: _disturb, ...undisturbed } = manifest.extraction;
  return { ...undisturbed, modalities };
}

/** @throws ModalmixError as `Extractor.extract`; a clip that cannot be used is an answer with its problem */
export async function extractFile(
  extractor: Extractor,
  path: string,
  extraction: DatasetManifest['extraction'],
  signal?: AbortSignal,
): Promise<ExtractedFile> {
  const features = await featuresBeside(path, extraction.modalities);
  const clip: Clip = { clipId: path, path, features, label: 0, split: 'test' };
  try {
    return { path, clip: await extractor.extract(clip, extraction, signal) };
  } catch (error) {
    if (!(error instanceof ClipUnusable)) throw error;
    return { path, problem: { code: error.code, reason: error.message } };
  }
}
