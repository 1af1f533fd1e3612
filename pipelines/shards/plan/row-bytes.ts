/** How large a row is expected to be, and so how many a shard holds. Pure. */
import {
  featureShape,
  flowFields,
  storedFrames,
  type ExtractionConfig,
} from '../../../schemas/config/extraction-config.ts';
import { isFeatures, type FeatureModality } from '../../../schemas/modality.ts';
import { audioShape } from '../../../schemas/shard.ts';

/** Aspect assumed when a row's size is estimated. */
const USUAL_ASPECT = 16 / 9;

/** Of a row with every modality, were its pictures of the usual aspect. */
export function usualRowBytes(extraction: ExtractionConfig): number {
  const { modalities, audio, video, flow } = extraction;
  const [frequencies, times] = audioShape(audio);
  const pixels = video.shortSide * Math.floor(video.shortSide * USUAL_ASPECT);
  return (
    (modalities.includes('audio') ? frequencies * times * (audio.storage === 'float16' ? 2 : 4) : 0) +
    (modalities.includes('rgb') ? storedFrames(video) * pixels * 3 : 0) +
    (modalities.includes('flow') ? flowFields(storedFrames(video), flow) * pixels * 2 : 0) +
    modalities.filter(isFeatures).reduce((sum, name) => sum + vectorBytes(name, extraction), 0)
  );
}

/** Rows of the target size and a third more: shards then lie between about two and four thirds of it. */
export function maxRowsPerShard(extraction: ExtractionConfig): number {
  const bytes = usualRowBytes(extraction);
  return Math.max(1, Math.floor((extraction.shard.targetMiB * 2 ** 20 * (4 / 3)) / bytes));
}

function vectorBytes(name: FeatureModality, extraction: ExtractionConfig): number {
  const [frames, dims] = featureShape(name, extraction);
  return frames * dims * Float32Array.BYTES_PER_ELEMENT;
}
