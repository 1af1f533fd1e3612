/**
 * What joins the modalities' features to one prediction. A fusion is one file and one line in `index.ts`.
 *
 * Clips may lack modalities. A fusion never sees a filler as if it were data: what is missing is left out,
 * and what is there is scaled so that the classifier's input keeps its usual size (each file says how).
 */
import type { Modality } from '../../../../schemas/modality.ts';
import type { Features } from '../features.ts';
import { uniform, type Parameters } from '../../../engine/network/parameters.ts';
import { tf, type Tensor2D, type Variable } from '../../../engine/tensorflow.ts';

export interface FusionOptions {
  readonly modalities: readonly Modality[];
  /** D, length of each z_u. */
  readonly featureSize: number;
  readonly classes: number;
}

export interface Fused {
  /** What the classifier sees, [B, fusedSize]. */
  readonly fused: Tensor2D;
  /** [B, K] */
  readonly logits: Tensor2D;
}

export interface Fusion {
  readonly fusedSize: number;
  fuse(features: Features): Fused;
  /** The unimodal logits [B, K] of one modality's features [B, D], from the fused model's own weights. */
  branch(modality: Modality, feature: Tensor2D): Tensor2D;
}

/** A classifier of its own for each modality: [B, D] → [B, K], parameters `<prefix>.<modality>`. */
export function createClassifiers(
  parameters: Parameters,
  { modalities, featureSize, classes }: FusionOptions,
  prefix = 'fusion.classifier',
): (modality: Modality, feature: Tensor2D) => Tensor2D {
  const classifiers = new Map(
    modalities.map((modality) => [
      modality,
      createLinear(parameters, `${prefix}.${modality}`, featureSize, classes),
    ]),
  );
  return (modality, feature) => classifiers.get(modality)!.apply(feature);
}

export type CreateFusion = (parameters: Parameters, options: FusionOptions) => Fusion;

export interface Linear {
  readonly weight: Variable;
  readonly bias: Variable;
  /** x W + b: [B, from] → [B, to] */
  apply(x: Tensor2D): Tensor2D;
}

/** A linear layer with PyTorch's initial values: U(±1 / √from). */
export function createLinear(parameters: Parameters, name: string, from: number, to: number): Linear {
  const bound = 1 / Math.sqrt(from);
  const weight = parameters.learn(`${name}.weight`, [from, to], uniform(bound));
  const bias = parameters.learn(`${name}.bias`, [to], uniform(bound));
  return {
    weight,
    bias,
    apply: (x) => tf.add<Tensor2D>(tf.matMul(x, weight), bias),
  };
}
