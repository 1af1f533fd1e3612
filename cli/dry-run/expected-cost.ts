/** Time and disk that work is expected to take, from rates. Pure. */
import type { RunConfig } from '../../schemas/config/config.ts';
import {
  isPluginEncoder,
  type BuiltInEncoder,
  type EncoderConfig,
} from '../../schemas/config/encoder-config.ts';
import { flowFields } from '../../schemas/config/extraction-config.ts';
import type { Modality } from '../../schemas/modality.ts';
import { audioShape } from '../../schemas/shard.ts';
import { DEFAULT_RATES } from './default-rates.ts';

type Trained = Pick<RunConfig, 'extraction' | 'training'>;

/** Multiplications of the networks, ResNet-18's being 1 (1.8 G at 224 × 224). */
const DEPTH_COST = { 18: 1, 34: 2, 50: 2.25 } as const;
/** Trainable numbers of an encoder 64 channels wide, in millions. */
const DEPTH_PARAMETERS = { 18: 11.2, 34: 21.3, 50: 23.5 } as const;
const CNN_COST = 0.3;
const CNN_PARAMETERS = 1.6;
/** Narrow networks cost more than their multiplications: memory and small kernels. */
const WIDTH_EXPONENT = 1.5;
const PUBLISHED_WIDTH = 64;
const FLOAT_BYTES = 4;

/** @param cores of the machine that extracts */
export function extractionSeconds(clips: number, extractorVersion: string, cores: number): number {
  const { clipsPerS, cores: measuredOn } = DEFAULT_RATES.extraction;
  const rate = extractorVersion.startsWith('ffmpeg-') ? clipsPerS.ffmpeg : clipsPerS['node-av'];
  return clips / ((rate / measuredOn) * cores);
}

/** Clips a second that a training gets through by the documented rates. */
export function defaultTrainingRate(config: Trained, cores: number): number {
  const {
    stepMs,
    stepOverheadMs,
    batchSize: measuredBatch,
    cores: measuredOn,
    inputPixels,
  } = DEFAULT_RATES.training;
  const { batchSize } = config.training;
  const encoder = sizeOf(config.training.encoder);
  const network = encoder.kind === 'cnn' ? CNN_COST : DEPTH_COST[encoder.depth];
  const width = (encoder.width / PUBLISHED_WIDTH) ** WIDTH_EXPONENT;
  const pixels = config.extraction.modalities.reduce((sum, one) => sum + pixelsOf(one, config), 0);
  const clipMs = (stepMs / measuredBatch) * (measuredOn / cores) * (pixels / inputPixels) * network * width;
  return (batchSize / (stepOverheadMs + batchSize * clipMs)) * 1000;
}

/** Of a plug-in's encoder nothing is known beforehand: it counts as the small one. */
function sizeOf(encoder: EncoderConfig): BuiltInEncoder {
  return isPluginEncoder(encoder) ? { kind: 'cnn', width: PUBLISHED_WIDTH / 2 } : encoder;
}

/** Of what an encoder sees of a clip. */
function pixelsOf(modality: Modality, { extraction, training }: Trained): number {
  if (modality === 'audio') {
    const [frequencies, times] = audioShape(extraction.audio);
    return frequencies * times;
  }
  const { frames } = extraction.video;
  return training.cropPx ** 2 * (modality === 'rgb' ? frames : flowFields(frames, extraction.flow));
}

/** Trainable numbers of a model, without its heads. */
export function usualParameters({ extraction, training }: Trained): number {
  const encoder = sizeOf(training.encoder);
  const millions = encoder.kind === 'cnn' ? CNN_PARAMETERS : DEPTH_PARAMETERS[encoder.depth];
  return extraction.modalities.length * millions * 1e6 * (encoder.width / PUBLISHED_WIDTH) ** 2;
}

/** Bytes that a training leaves: weights, the best and the newest checkpoints, with the optimiser's state. */
export function trainingBytes(parameters: number, { training }: Pick<RunConfig, 'training'>): number {
  const state = (training.optimizer.name === 'sgd' ? 1 : 2) + (training.ema === undefined ? 0 : 1);
  const checkpoints = training.checkpoint.keepLast + 1;
  return FLOAT_BYTES * parameters * (1 + checkpoints * (1 + state));
}
