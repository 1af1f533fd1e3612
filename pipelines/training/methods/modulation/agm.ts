/**
 * AGM, adaptive gradient modulation (Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
 * Modulation", ICCV 2023), for any fusion: the fused logits are split into what each modality says, its Shapley value
 * φ_u over the subsets of modalities (`shapley.ts`), and what flows back through φ_u is multiplied by κ_u:
 *   - s_u, the mean cross-entropy of softmax(φ_u) over the batch; r_u = exp(mean of the others' s − s_u);
 *   - τ_u, the same of the running means of s over all steps before;
 *   - κ_u = exp(α · min(τ_u − r_u, 10)): a modality that is ahead of its usual place is slowed, one behind hurried.
 *     From `startEpoch` to `endEpoch` (inclusive, from 0); before, κ = 1, and after, the last step's stay in force.
 * Gradients are scaled to length 1 in a step in which one of the classifier's weights exceeds 1.
 *
 * The paper's text was not at hand: formulas, the limit 10, the clipping, α = 1 and the epochs are the authors' public
 * code's (lihong2303/AGM_ICCV2023), for two modalities; more are our extension of it.
 */
import { z } from 'zod';
import { modalitySchema, type Modality, type PerModality } from '../../../../schemas/modality.ts';
import type { Features } from '../../model/features.ts';
import { isComplete } from '../../data/presence.ts';
import { scaleGradient } from '../../../engine/kernels/scale-gradient.ts';
import { hardLabels } from '../mixup/mixup.ts';
import type { Gradients } from '../../../engine/network/parameters.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import type { CreateMethod } from '../method.ts';
import { shapleyLogits } from './shapley.ts';

const LARGEST_LEAD = 10;
const SMALLEST_PROBABILITY = 1e-8;

const numbers = z.partialRecord(modalitySchema, z.number());
const stateSchema = z.strictObject({
  steps: z.int(),
  means: numbers,
  /** Absent in checkpoints of earlier versions, whose next step finds new ones. */
  coefficients: numbers.optional(),
});

export const createAgm: CreateMethod = (training, modalities) => {
  const { alpha, startEpoch, endEpoch } = training.agm;
  const all = (value: number) => Object.fromEntries(modalities.map((modality) => [modality, value]));
  let steps = 0;
  let means: Readonly<PerModality> = all(0);
  let coefficients: Readonly<PerModality> = all(1);
  return {
    forward: (model, batch, { epoch }) => {
      const features = model.encode(batch, true);
      const parts = shapleyLogits(model, batch, features);
      if (epoch >= startEpoch && epoch <= endEpoch) {
        const scores: PerModality = {};
        const complete = completeRows(features, modalities);
        for (const modality of modalities) {
          scores[modality] = meanCrossEntropy(parts.get(modality)!, batch.labels, complete);
        }
        coefficients = agmCoefficients(scores, means, alpha);
        steps += 1;
        means = Object.fromEntries(
          modalities.map((modality) => [
            modality,
            means[modality]! + (scores[modality]! - means[modality]!) / steps,
          ]),
        );
      }
      const logits = tf.addN<Tensor2D>(
        modalities.map((modality) => scaleGradient(parts.get(modality)!, coefficients[modality]!)),
      );
      return { features, loss: model.loss(logits, hardLabels(batch.labels, model.classes)) };
    },
    adjustGradients: (gradients) => ({ gradients: clipped(gradients), coefficients }),
    state: {
      save: () => ({ steps, means, coefficients }),
      restore: (saved) => {
        const state = stateSchema.parse(saved);
        ({ steps, means } = state);
        coefficients = state.coefficients ?? all(1);
      },
    },
  };
};

/** κ_u of each modality from the batch's scores and the running means. */
export function agmCoefficients(
  scores: Readonly<PerModality>,
  means: Readonly<PerModality>,
  alpha: number,
): PerModality {
  const modalities = Object.keys(scores) as Modality[];
  const lead = (values: Readonly<PerModality>, modality: Modality) => {
    const others = modalities.filter((other) => other !== modality);
    const mean = others.reduce((sum, other) => sum + values[other]!, 0) / others.length;
    return Math.exp(mean - values[modality]!);
  };
  return Object.fromEntries(
    modalities.map((modality) => [
      modality,
      Math.exp(alpha * Math.min(LARGEST_LEAD, lead(means, modality) - lead(scores, modality))),
    ]),
  );
}

/** Rows with every modality; all of them where there is none. */
function completeRows({ size, present }: Features, modalities: readonly Modality[]): number[] {
  const all = Array.from({ length: size }, (_, row) => row);
  if (isComplete(present, modalities)) return all;
  const complete = all.filter((row) => modalities.every((modality) => present[modality]?.[row] === 1));
  return complete.length === 0 ? all : complete;
}

function meanCrossEntropy(logits: Tensor2D, labels: Int32Array, rows: readonly number[]): number {
  const classes = logits.shape[1];
  const probabilities = tf.softmax(logits).dataSync();
  const sum = rows.reduce(
    (total, row) =>
      total - Math.log(Math.max(SMALLEST_PROBABILITY, probabilities[row * classes + labels[row]!]!)),
    0,
  );
  return sum / rows.length;
}

/** Against a division by 0, as PyTorch's `clip_grad_norm_` has it. */
const SMALLEST_LENGTH = 1e-6;

/** All gradients scaled to a common length of 1, in a step in which those of the classifier's weights are too steep. */
function clipped(gradients: Gradients): Gradients {
  const steep = [...gradients].some(
    ([name, gradient]) =>
      /^fusion\.classifier\b.*\.weight$/u.test(name) && tf.max(tf.abs(gradient)).dataSync()[0]! > 1,
  );
  if (!steep) return gradients;
  const squares = [...gradients.values()].map((gradient) => tf.sum(tf.square(gradient)).dataSync()[0]!);
  const length = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  const factor = Math.min(1, 1 / (length + SMALLEST_LENGTH));
  return new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, factor)]));
}
