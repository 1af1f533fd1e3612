/** The encoders there are, by config and modality. */
import { precisionProblem, type Precision } from '../../../../schemas/config/training-config.ts';
import {
  featureShape,
  flowFields,
  type ExtractionConfig,
} from '../../../../schemas/config/extraction-config.ts';
import { isPluginEncoder, type EncoderConfig } from '../../../../schemas/config/encoder-config.ts';
import { ModalmixError } from '../../../../schemas/errors.ts';
import {
  isFeatures,
  type FeatureDims,
  type MediaModality,
  type Modality,
} from '../../../../schemas/modality.ts';
import type { Parameters } from '../../../engine/network/parameters.ts';
import { pluginPart } from '../../../plugins/registry.ts';
import { planCnn } from './cnn-plan.ts';
import type { Encoder } from '../../../engine/network/encoder.ts';
import type { EncoderPlan } from '../../../engine/network/plan.ts';
import { planMlp } from './mlp-plan.ts';
import { planResNet } from './resnet-plan.ts';
import { nativeKernels } from '../../../engine/kernels/native.ts';
import { webgpu } from '../../../engine/tensorflow.ts';
import { createCompiledEncoder, isCompilable } from '../../../engine/network/compiled-encoder.ts';
import { createPlanParameters } from '../../../engine/network/plan-parameters.ts';
import { createTapedEncoder } from '../../../engine/network/taped-encoder.ts';

/** Channels of one image of a medium: log-magnitude, red-green-blue, or u and v displacement. */
export const CHANNELS: Readonly<Record<MediaModality, number>> = { audio: 1, rgb: 3, flow: 2 };

/** What the encoders of features that were computed elsewhere are made by. */
export interface FeatureInputs {
  /** D of each set of features. */
  readonly dims?: FeatureDims | undefined;
  /** Units of the layer between; absent: as many as a feature has. */
  readonly hidden?: number | undefined;
}

/** Vectors have their length for channels. @throws ModalmixError `internal` when a set of features has none */
export function channelsOf(modality: Modality, dims: FeatureDims = {}): number {
  if (!isFeatures(modality)) return CHANNELS[modality];
  const length = dims[modality];
  if (length === undefined) throw new ModalmixError('internal', `how long is a vector of ${modality}?`);
  return length;
}

type PlanOfPlugin = (channels: number, modality: Modality) => EncoderPlan;

export function planEncoder(
  modality: Modality,
  encoder: EncoderConfig,
  { dims, hidden }: FeatureInputs = {},
): EncoderPlan {
  const planOf = (channels: number): EncoderPlan => {
    if (encoder.kind === 'cnn') return planCnn({ ...encoder, channels });
    if (!isPluginEncoder(encoder)) return planResNet({ ...encoder, channels });
    return (pluginPart('encoders', encoder.kind) as PlanOfPlugin)(channels, modality);
  };
  const channels = channelsOf(modality, dims);
  if (!isFeatures(modality)) return planOf(channels);
  // As long as the others' features: fusions add and compare them.
  const { featureSize } = planOf(1);
  return planMlp({ channels, hidden: hidden ?? featureSize, featureSize });
}

/** Creates the parameters under `<modality>.` and returns the encoder over them. */
export function createEncoder(
  parameters: Parameters,
  modality: Modality,
  encoder: EncoderConfig,
  precision: Precision = 'float32',
  features: FeatureInputs = {},
): Encoder {
  const problem = precisionProblem(precision, webgpu === undefined ? undefined : 'webgpu');
  if (problem !== undefined) throw new ModalmixError('config', problem, { where: 'training.precision' });
  const plan = planEncoder(modality, encoder, features);
  const created = createPlanParameters(parameters, modality, plan);
  return nativeKernels() && isCompilable(plan)
    ? createCompiledEncoder(plan, created, precision)
    : createTapedEncoder(plan, created, precision);
}

/** Images a clip has in a modality: frames, flow fields between them, vectors, or the one spectrogram. */
export function imagesPerClip(modality: Modality, extraction: ExtractionConfig): number {
  if (isFeatures(modality)) return featureShape(modality, extraction)[0];
  switch (modality) {
    case 'audio':
      return 1;
    case 'rgb':
      return extraction.video.frames;
    case 'flow':
      return flowFields(extraction.video.frames, extraction.flow);
  }
}
