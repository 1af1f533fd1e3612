/** What of an optimiser's settings is a parameter's own: its share of the learning rate, and whether it decays. Pure. */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import type { Modality } from '../../../schemas/modality.ts';

export interface ParameterRule {
  /** Factor of the learning rate, > 0. */
  readonly rateScale: number;
  readonly decays: boolean;
}

/** @param rank of the parameter */
export type RuleOf = (name: string, rank: number) => ParameterRule;

export const EVERY_PARAMETER_ALIKE: RuleOf = () => ({ rateScale: 1, decays: true });

/**
 * Encoders learn at `encoderLearningRateScale` of the rate; with `decayNorms: false`, biases and the scales and offsets
 * of normalisation do not decay: all parameters with at most one axis, as timm's `param_groups_weight_decay` has it.
 */
export function parameterRules(
  {
    encoderLearningRateScale = 1,
    decayNorms = true,
  }: Pick<TrainingConfig, 'encoderLearningRateScale' | 'decayNorms'>,
  modalities: readonly Modality[],
): RuleOf {
  return (name, rank) => ({
    rateScale: modalities.some((modality) => name.startsWith(`${modality}.`)) ? encoderLearningRateScale : 1,
    decays: decayNorms || rank > 1,
  });
}
