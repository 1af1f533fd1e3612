/**
 * ReconBoost (Hua et al., "ReconBoost: Boosting Can Achieve Modality Reconcilement", ICML 2024): gradient boosting over
 * modalities. Each has its own classifier, φ_u, and the prediction is their sum Φ. Training goes in stages, a modality
 * a stage in turn; stage s trains u = modality s mod n:
 *   - `boostEpochs` epochs of u alone, against what the others leave over:
 *     mean over classes of −(a − b q[y]) log p_u[y], q = softmax of the sum of the others that have had a stage
 *     (in the first stage q = 1), a `targetWeight`, b `ensembleWeight`; and, from the second stage on, agreement with
 *     the modality of the stage before, `agreement` · mean((p_u − p_before)²);
 *   - `rectifyEpochs` epochs of all that have had a stage, by the cross-entropy of their sum.
 *
 * A round is a stage of each modality. Within it the learning rate stays that of its first epoch, so that no modality
 * learns at a smaller one than another. Each part of a stage begins with an optimiser that remembers nothing. Epochs left
 * after the last whole round rectify all, at their own rates.
 *
 * The paper's text was not at hand: losses, weights, the stages of 4 + 4 epochs and the new optimiser in each part are
 * the authors' public code's (huacong/ReconBoost); there too the rate changes with the stages only, of which there
 * are a hundred. The rate by round is BalanceBenchmark's. Ours: stages so short that three rounds fit (`stageLengths`), a
 * linear classifier for each modality (theirs: one of two layers, shared), a boosting rate fixed at 1 (theirs: learnt),
 * one rate for both parts, no pretrained encoders; the agreement moves the modality in training, where that code has
 * cut its gradient off.
 */
import type { Modality } from '../../../schemas/modality.ts';
import type { Batch } from '../data/batches.ts';
import { column, type Features } from '../model/features.ts';
import { isPresent, presentCount } from '../data/presence.ts';
import { hardLabels } from './mixup/mixup.ts';
import type { MultimodalModel } from '../model/model.ts';
import { tf, type Scalar, type Tensor2D } from '../../engine/tensorflow.ts';
import type { CreateMethod, Method } from './method.ts';
import {
  boostingProblem,
  stageLengths,
  type StageLengths,
} from '../../../schemas/config/method-settings/reconboost.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

export const createReconBoost: CreateMethod = (training, modalities) => {
  const { targetWeight, ensembleWeight, agreement } = training.reconBoost;
  const lengths = stageLengths(training, modalities.length);

  const forward: Method['forward'] = (model, batch, { epoch }) => {
    const { current, previous, joined, boosting } = stageOf(epoch, modalities, lengths);
    const features = model.encode(batch, true);
    if (!boosting) {
      const logits = sumOf(model, features, joined);
      return { features, loss: model.loss(logits, hardLabels(batch.labels, model.classes)) };
    }
    const others = joined.filter((modality) => modality !== current);
    const own = model.branch(features, current);
    const certainty = ensembleCertainty(model, features, batch, others);
    const weights = certainty.map((q) => (targetWeight - ensembleWeight * q) / model.classes);
    const targets = hardLabels(batch.labels, model.classes).map(
      (one, at) => one * weights[Math.floor(at / model.classes)]!,
    );
    const boost = model.loss(own, targets, batch.present[current]);
    if (previous === undefined) return { features, loss: boost };
    const distance = disagreement(model, features, own, current, previous);
    return { features, loss: tf.add(boost, tf.mul(distance, agreement)) };
  };

  return {
    fusion: 'sum',
    begin: () => {
      const problem = boostingProblem(training, modalities.length);
      if (problem === undefined) return;
      throw new ModalmixError('config', `reconboost cannot be trained: ${problem}`, {
        where: 'training.epochs',
      });
    },
    forward,
    rateEpoch: (epoch) => rateEpoch(epoch, lengths),
    startsAnew: (epoch) => stageOf(epoch, modalities, lengths).startsPart,
    step: (tools, batch, context) => {
      const { current, boosting } = stageOf(context.epoch, modalities, lengths);
      const ownNames = [`${current}.`, `fusion.classifier.${current}.`];
      const { loss, features, gradients } = tools.differentiate(
        () => forward(tools.model, batch, context),
        boosting ? { by: (name) => ownNames.some((prefix) => name.startsWith(prefix)) } : {},
      );
      tools.observe(features);
      tools.apply(gradients);
      return { loss };
    },
  };
};

export interface Stage {
  /** The modality whose stage it is, and that of the stage before. */
  readonly current: Modality;
  readonly previous: Modality | undefined;
  /** The modalities that have had a stage or have it now. */
  readonly joined: readonly Modality[];
  /** The stage's first part, of `current` alone; else the rectification of all. */
  readonly boosting: boolean;
  /** Whether a part begins with the epoch. */
  readonly startsPart: boolean;
}

/** @param epoch from 0 */
export function stageOf(
  epoch: number,
  modalities: readonly Modality[],
  { boost, rectify, round, rounds }: StageLengths,
): Stage {
  const length = boost + rectify;
  const turn = (s: number) => modalities[s % modalities.length]!;
  if (epoch >= rounds * round) {
    // What is left after the last stage's rectification goes on with it.
    const [current, previous] = [turn(modalities.length - 1), turn(modalities.length - 2)];
    const startsPart = rectify === 0 && epoch === rounds * round;
    return { current, previous, joined: modalities, boosting: false, startsPart };
  }
  const stage = Math.floor(epoch / length);
  const inStage = epoch % length;
  return {
    current: turn(stage),
    previous: stage === 0 ? undefined : turn(stage - 1),
    joined: modalities.slice(0, stage + 1),
    boosting: inStage < boost,
    startsPart: epoch > 0 && (inStage === 0 || inStage === boost),
  };
}

/** The first epoch of an epoch's round; after the last round the epoch itself. Both from 0. */
export function rateEpoch(epoch: number, { round, rounds }: StageLengths): number {
  return epoch < rounds * round ? epoch - (epoch % round) : epoch;
}

/** Σ φ_u over the modalities that a clip has, [B, K]. */
function sumOf(model: MultimodalModel, features: Features, modalities: readonly Modality[]): Tensor2D {
  return tf.addN<Tensor2D>(
    modalities.map((modality) =>
      tf.mul(
        model.branch(features, modality),
        column(features.size, (row) => Number(isPresent(features.present, modality, row))),
      ),
    ),
  );
}

/** q[y] of each row; 1 where no other modality has a say. Numbers: no gradient reaches the others. */
function ensembleCertainty(
  model: MultimodalModel,
  features: Features,
  { labels, present }: Batch,
  others: readonly Modality[],
): Float32Array {
  const certainty = new Float32Array(labels.length).fill(1);
  if (others.length === 0) return certainty;
  const probabilities = tf.softmax(sumOf(model, features, others)).dataSync();
  for (const [row, label] of labels.entries()) {
    if (presentCount(present, others, row) > 0) certainty[row] = probabilities[row * model.classes + label]!;
  }
  return certainty;
}

/** Mean of (p_u − p_before)² over classes and over the clips that have both; p_before is a number. */
function disagreement(
  model: MultimodalModel,
  features: Features,
  own: Tensor2D,
  current: Modality,
  previous: Modality,
): Scalar {
  const before = tf.tensor2d(tf.softmax(model.branch(features, previous)).dataSync<'float32'>(), [
    features.size,
    model.classes,
  ]);
  const both = (row: number) => Number(presentCount(features.present, [current, previous], row) === 2);
  const count = Array.from({ length: features.size }, (_, row) => both(row)).reduce(
    (sum, one) => sum + one,
    0,
  );
  const squares = tf.mul(tf.square(tf.sub(tf.softmax(own), before)), column(features.size, both));
  return tf.div(tf.sum(squares), Math.max(1, count) * model.classes);
}
