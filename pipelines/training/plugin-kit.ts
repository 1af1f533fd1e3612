/** What plug-ins of training are, and what they are given to work with. Described in docs/plugins.md. */
import type { PluginName } from '../../schemas/config/plugins.ts';
import type { TrainingConfig } from '../../schemas/config/training-config.ts';
import type { Modality } from '../../schemas/modality.ts';
import { uniform } from '../engine/network/parameters.ts';
import { convolutionNorm, type EncoderPlan } from '../engine/network/plan.ts';
import { tf, type Variable } from '../engine/tensorflow.ts';
import { isComplete, isPresent, presentCount } from './data/presence.ts';
import type { Method } from './methods/method.ts';
import { drawPartners, drawRatio, hardLabels } from './methods/mixup/mixup.ts';
import { mixedStep, sameRatio } from './methods/mixup/mixed-step.ts';
import { column, featureOf } from './model/features.ts';
import { createLinear, type CreateFusion, type Fusion } from './model/fusion/fusion.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import type { RuleOf } from './optimizers/parameter-rules.ts';
import { createSlots } from './optimizers/state.ts';

/** Tensors, and the functions that the built-in parts are made with. */
export const PLUGIN_KIT = {
  tf,
  /** Labels and mixing. */
  ...{ hardLabels, drawRatio, drawPartners, mixedStep, sameRatio },
  /** Features of a batch, and which clips have which modality. */
  ...{ featureOf, column, isPresent, isComplete, presentCount },
  /** Parameters and layers. */
  ...{ createLinear, uniform, convolutionNorm },
  /** An optimiser's memory. */
  createSlots,
} as const;
export type PluginKit = typeof PLUGIN_KIT;

export type PluginMethod<Settings> = (
  kit: PluginKit,
  settings: Settings,
  training: TrainingConfig,
  modalities: readonly Modality[],
) => Method;

/** @param channels of the images: 1 of audio, 3 of rgb, 2 of flow */
export type PluginEncoder<Settings> = (
  kit: PluginKit,
  settings: Settings,
  channels: number,
  modality: Modality,
) => EncoderPlan;

export type PluginFusion<Settings> = (
  kit: PluginKit,
  settings: Settings,
  ...given: Parameters<CreateFusion>
) => Fusion;

/** @param ruleOf how `training.decayNorms` and `encoderLearningRateScale` bear on a parameter */
export type PluginOptimizer<Settings> = (
  kit: PluginKit,
  settings: Settings,
  parameters: ReadonlyMap<string, Variable>,
  options: { readonly weightDecay: number; readonly ruleOf: RuleOf },
) => Optimizer;

export interface TrainingParts<Settings> {
  readonly methods?: Readonly<Record<PluginName, PluginMethod<Settings>>>;
  readonly encoders?: Readonly<Record<PluginName, PluginEncoder<Settings>>>;
  readonly fusions?: Readonly<Record<PluginName, PluginFusion<Settings>>>;
  readonly optimizers?: Readonly<Record<PluginName, PluginOptimizer<Settings>>>;
}
