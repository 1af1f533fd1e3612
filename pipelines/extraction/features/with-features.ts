/** An engine that extracts media, made one that reads a clip's features too. */
import type { Clip } from '../../../schemas/clip.ts';
import { hasMedia, type ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { isFeatures } from '../../../schemas/modality.ts';
import { isFeatureFile } from '../../datasets/media-files.ts';
import { ClipUnusable, type ExtractedClip, type Extractor, type MissingModality } from '../extractor.ts';
import { readFeatures } from './read-features.ts';

/** The same version: a `.npy` file has one meaning, whatever decodes the rest. */
export function withFeatures(engine: Extractor): Extractor {
  return {
    version: engine.version,
    extract: async (clip, config, signal) => {
      if (!config.modalities.some(isFeatures)) return await engine.extract(clip, config, signal);
      const features = await readFeatures(clip, config);
      const hasFeatures = Object.keys(features).some(isFeatures);
      const media = hasMedia(config)
        ? await mediaOf(engine, clip, config, hasFeatures, signal)
        : { missing: {} };
      if (!hasFeatures && !hasMedia(config)) {
        const reasons = Object.values(features.missing).flatMap((one) => one?.reason ?? []);
        throw new ClipUnusable('no-streams', reasons.join('; '));
      }
      return { ...features, ...media, missing: { ...media.missing, ...features.missing } };
    },
  };
}

/** A clip whose media cannot be used is still one where it has features. */
async function mediaOf(
  engine: Extractor,
  clip: Clip,
  config: ExtractionConfig,
  hasFeatures: boolean,
  signal: AbortSignal | undefined,
): Promise<ExtractedClip> {
  const modalities = config.modalities.filter((modality) => !isFeatures(modality));
  const without = (missing: MissingModality): ExtractedClip => ({
    missing: Object.fromEntries(modalities.map((modality) => [modality, missing])),
  });
  if (isFeatureFile(clip.path) && hasFeatures) {
    return without({ code: 'no-stream', reason: 'it has features and no media file' });
  }
  try {
    return await engine.extract(clip, { ...config, modalities }, signal);
  } catch (error) {
    if (!(error instanceof ClipUnusable) || !hasFeatures) throw error;
    return without({ code: 'undecodable', reason: error.message });
  }
}
