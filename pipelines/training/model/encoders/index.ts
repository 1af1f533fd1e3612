/** The encoders there are, by config and modality. */
import { precisionProblem, type Precision } from '../../../../schemas/config/training-config.ts';
import { flowFields, type ExtractionConfig } from '../../../../schemas/config/extraction-config.ts';
import type { EncoderConfig } from '../../../../schemas/config/encoder-config.ts';
import { isPluginName, type PluginName } from '../../../../schemas/config/plugins.ts';
import { ModalmixError } from '../../../../schemas/errors.ts';
import type { Modality } from '../../../../schemas/modality.ts';
import type { Parameters } from '../../../engine/network/parameters.ts';
import { pluginPart } from '../../../plugins/registry.ts';
import { planCnn } from './cnn-plan.ts';
import type { Encoder } from '../../../engine/network/encoder.ts';
import type { EncoderPlan } from '../../../engine/network/plan.ts';
import { planResNet } from './resnet-plan.ts';
import { nativeKernels } from '../../../engine/kernels/native.ts';
import { webgpu } from '../../../engine/tensorflow.ts';
import { createCompiledEncoder, isCompilable } from '../../../engine/network/compiled-encoder.ts';
import { createPlanParameters } from '../../../engine/network/plan-parameters.ts';
import { createTapedEncoder } from '../../../engine/network/taped-encoder.ts';

/** Channels of one image of a modality: log-magnitude, red-green-blue, or u and v displacement. */
export const CHANNELS: Readonly<Record<Modality, number>> = { audio: 1, rgb: 3, flow: 2 };

type OfPlugin = Extract<EncoderConfig, { kind: PluginName }>;

function isOfPlugin(encoder: EncoderConfig): encoder is OfPlugin {
  return isPluginName(encoder.kind);
}

type PlanOfPlugin = (channels: number, modality: Modality) => EncoderPlan;

export function planEncoder(modality: Modality, encoder: EncoderConfig): EncoderPlan {
  const channels = CHANNELS[modality];
  if (encoder.kind === 'cnn') return planCnn({ ...encoder, channels });
  if (!isOfPlugin(encoder)) return planResNet({ ...encoder, channels });
  const plan = pluginPart('encoders', encoder.kind) as PlanOfPlugin;
  return plan(channels, modality);
}

/** Creates the parameters under `<modality>.` and returns the encoder over them. */
export function createEncoder(
  parameters: Parameters,
  modality: Modality,
  encoder: EncoderConfig,
  precision: Precision = 'float32',
): Encoder {
  const problem = precisionProblem(precision, webgpu === undefined ? undefined : 'webgpu');
  if (problem !== undefined) throw new ModalmixError('config', problem, { where: 'training.precision' });
  const plan = planEncoder(modality, encoder);
  const created = createPlanParameters(parameters, modality, plan);
  return nativeKernels() && isCompilable(plan)
    ? createCompiledEncoder(plan, created, precision)
    : createTapedEncoder(plan, created, precision);
}

/** Images a clip has in a modality: frames, flow fields between them, or the one spectrogram. */
export function imagesPerClip(modality: Modality, extraction: ExtractionConfig): number {
  switch (modality) {
    case 'audio':
      return 1;
    case 'rgb':
      return extraction.video.frames;
    case 'flow':
      return flowFields(extraction.video.frames, extraction.flow);
  }
}
