/**
 * AGM, adaptive gradient modulation (Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient
 * Modulation", ICCV 2023), for any fusion: the fused logits are split into what each modality says, its Shapley value
 * φ_u over the subsets of modalities, and what flows back through φ_u is multiplied by κ_u:
 *   - s_u, the mean cross-entropy of softmax(φ_u) over the batch; r_u = exp(mean of the others' s − s_u);
 *   - τ_u, the same of the running means of s over all steps before;
 *   - κ_u = exp(α · min(τ_u − r_u, 10)): a modality that is ahead of its usual place is slowed, one behind hurried.
 * Gradients are scaled to length 1 in a step in which one of the classifier's exceeds 1.
 *
 * The paper's text was not at hand: formulas, the limit 10, the clipping and α = 1 are as in the authors' public code,
 * for two modalities; more are our extension of it. A modality is left out by a zero feature (theirs: a zero input).
 * The value of no modality at all is shared equally, as theirs is.
 */
import { z } from 'zod';
import { modalitySchema, type Modality } from '../../../../schemas/modality.ts';
import type { PerModality } from '../../../../schemas/modality.ts';
import { featureOf, type Features } from '../../model/features.ts';
import { isComplete } from '../../data/presence.ts';
import { scaleGradient } from '../../../engine/kernels/scale-gradient.ts';
import { hardLabels } from '../mixup/mixup.ts';
import type { MultimodalModel } from '../../model/model.ts';
import type { Gradients } from '../../../engine/network/parameters.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';
import type { CreateMethod } from '../method.ts';

const LARGEST_LEAD = 10;
const SMALLEST_PROBABILITY = 1e-8;

const stateSchema = z.strictObject({
  steps: z.int(),
  means: z.partialRecord(modalitySchema, z.number()),
});

export const createAgm: CreateMethod = (training, modalities) => {
  let steps = 0;
  let means: Readonly<PerModality> = Object.fromEntries(modalities.map((modality) => [modality, 0]));
  let coefficients: PerModality = {};
  return {
    forward: (model, batch) => {
      const features = model.encode(batch, true);
      const parts = shapleyLogits(model, features, modalities);
      const complete = completeRows(features, modalities);
      const scores: PerModality = {};
      for (const modality of modalities) {
        scores[modality] = meanCrossEntropy(parts.get(modality)!, batch.labels, complete);
      }
      coefficients = agmCoefficients(scores, means, training.agm.alpha);
      steps += 1;
      means = Object.fromEntries(
        modalities.map((modality) => [
          modality,
          means[modality]! + (scores[modality]! - means[modality]!) / steps,
        ]),
      );
      const logits = tf.addN<Tensor2D>(
        modalities.map((modality) => scaleGradient(parts.get(modality)!, coefficients[modality]!)),
      );
      return { features, loss: model.loss(logits, hardLabels(batch.labels, model.classes)) };
    },
    adjustGradients: (gradients) => ({ gradients: clipped(gradients), coefficients }),
    state: {
      save: () => ({ steps, means }),
      restore: (saved) => {
        ({ steps, means } = stateSchema.parse(saved));
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

/**
 * φ_u = Σ_{S ∌ u} |S|! (n − |S| − 1)! / n! · (f(S ∪ u) − f(S)) + f(∅) / n for each modality, f(S) the fused logits
 * with a zero feature in place of the modalities outside S. They add up to f of all.
 */
function shapleyLogits(
  model: MultimodalModel,
  features: Features,
  modalities: readonly Modality[],
): Map<Modality, Tensor2D> {
  const n = modalities.length;
  const subsets = Array.from({ length: 2 ** n }, (_, members) => {
    const values = Object.fromEntries(
      modalities.map((modality, at) => {
        const z = featureOf(features, modality);
        return [modality, (members & (1 << at)) === 0 ? tf.zerosLike(z) : z];
      }),
    );
    return model.fuse({ ...features, values }).logits;
  });
  return new Map(
    modalities.map((modality, at) => {
      const terms: Tensor2D[] = [tf.mul(subsets[0]!, 1 / n)];
      for (const [members, logits] of subsets.entries()) {
        if ((members & (1 << at)) !== 0) continue;
        const size = modalities.filter((_, other) => (members & (1 << other)) !== 0).length;
        const weight = (factorial(size) * factorial(n - size - 1)) / factorial(n);
        terms.push(tf.mul(tf.sub<Tensor2D>(subsets[members | (1 << at)]!, logits), weight));
      }
      return [modality, tf.addN<Tensor2D>(terms)];
    }),
  );
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
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

/** All gradients scaled to a common length of 1, in a step in which the classifier's are too steep. */
function clipped(gradients: Gradients): Gradients {
  const steep = [...gradients].some(
    ([name, gradient]) => name.startsWith('fusion.classifier') && tf.max(tf.abs(gradient)).dataSync()[0]! > 1,
  );
  if (!steep) return gradients;
  const squares = [...gradients.values()].map((gradient) => tf.sum(tf.square(gradient)).dataSync()[0]!);
  const length = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  const factor = Math.min(1, 1 / length);
  return new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, factor)]));
}
