/** The encoders there are, by modality. */
import type { ExtractionConfig, TrainingConfig } from '../../../schemas/config.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Parameters } from '../parameters.ts';
import type { Encoder } from './encoder.ts';
import { createResNet } from './resnet.ts';

/** Channels of one image of a modality: log-magnitude, red-green-blue, or u and v displacement. */
export const CHANNELS: Readonly<Record<Modality, number>> = { audio: 1, rgb: 3, flow: 2 };

export function createEncoder(
  parameters: Parameters,
  modality: Modality,
  options: TrainingConfig['encoder'],
): Encoder {
  return createResNet(parameters, modality, { ...options, channels: CHANNELS[modality] });
}

/** Images a clip has in a modality: frames, flow fields between them, or the one spectrogram. */
export function imagesPerClip(modality: Modality, extraction: ExtractionConfig): number {
  switch (modality) {
    case 'audio':
      return 1;
    case 'rgb':
      return extraction.video.frames;
    case 'flow':
      return extraction.video.frames - 1;
  }
}
