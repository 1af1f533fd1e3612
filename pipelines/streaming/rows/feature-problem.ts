/** Whether a record's features are what its dataset's extraction makes: anyone may write to a topic. */
import {
  flowFields,
  storedFrames,
  type ExtractionConfig,
} from '../../../schemas/config/extraction-config.ts';
import { audioShape } from '../../../schemas/shard.ts';
import type { ExtractedClip, PictureFeature } from '../../extraction/extractor.ts';

/** Channels of the picture modalities. */
const CHANNELS = { rgb: 3, flow: 2 } as const;

/** @returns what is wrong, for a person; undefined when the features can be a row */
export function featureProblem(
  { audio, rgb, flow }: Pick<ExtractedClip, 'audio' | 'rgb' | 'flow'>,
  extraction: ExtractionConfig,
): string | undefined {
  const present = { audio, rgb, flow };
  const surplus = (['audio', 'rgb', 'flow'] as const).find(
    (modality) => present[modality] !== undefined && !extraction.modalities.includes(modality),
  );
  if (surplus !== undefined) return `it has ${surplus}, which the dataset's rows do not`;
  if (audio !== undefined) {
    const wanted = audioShape(extraction.audio);
    if (audio.shape.join() !== wanted.join()) {
      return `its audio is [${audio.shape.join(', ')}], the dataset's is [${wanted.join(', ')}]`;
    }
    const at = audio.data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) return `its audio has ${String(audio.data[at])} at ${String(at)}`;
  }
  const frames = storedFrames(extraction.video);
  return (
    pictureProblem('rgb', rgb, frames) ?? pictureProblem('flow', flow, flowFields(frames, extraction.flow))
  );
}

function pictureProblem(
  modality: keyof typeof CHANNELS,
  picture: PictureFeature | undefined,
  frames: number,
): string | undefined {
  if (picture === undefined) return undefined;
  const [count, , , channels] = picture.shape;
  if (count === frames && channels === CHANNELS[modality]) return undefined;
  return (
    `its ${modality} has ${String(count)} frames of ${String(channels)} channels, ` +
    `the dataset's has ${String(frames)} of ${String(CHANNELS[modality])}`
  );
}
