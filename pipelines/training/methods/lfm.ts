/**
 * LFM (Yang et al., "Facilitating Multimodal Classification via Dynamically Learning Modality Gap", NeurIPS 2024):
 * fitting labels is what modalities do at different speeds, so it is joined with a loss that draws the modalities'
 * predictions together: 2 (α₁ L_class + α₂ L_align), α₁ = 1 − α₂.
 *
 * What is the authors' code's (njustkmg/NeurIPS24-LFM, Crema_epoch.py; the paper's text was not at hand):
 *   - L_align between p = softmax(o_a) and q = softmax(o_v) with m = ½ (p + q): ½ KL(m ‖ p) + ½ KL(m ‖ q), mean over
 *     clips, with a gradient through m. That is `F.kl_div(log p, m)`, the reverse of the textbook Jensen-Shannon divergence;
 *   - α₂ as a polynomial fitted to what they learnt, by epoch (`fittedShare`), for trainings of 200 epochs.
 *
 * Ours: the predictions are the model's branches and L_class is the cross-entropy of the fused logits, so that it works
 * with every fusion (as BalanceBenchmark does; theirs has two heads and halves their sum); with three modalities L_align
 * is the mean over their pairs, each over the clips that have both; α₂ stays in [0, 1], where the polynomial leaves it
 * by 0.01; `stretch` spreads the 200 epochs over those there are. Their α learnt by bi-level optimisation is not offered.
 *
 * `loss: contrastive` and `matching: heuristic` are not the authors' code's but an earlier reading of ours, from a
 * summary of the paper: (1 − α) L_class + α L_match, L_match the symmetric InfoNCE between the features of a clip's
 * modalities at `temperature`, α_t = 1 − e^(−1/t) at epoch t = 1, 2, ….
 */
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import type { Modality } from '../../../schemas/modality.ts';
import { featureOf, type Features } from '../model/features.ts';
import { isPresent } from '../data/presence.ts';
import { unitLength } from '../../engine/kernels/unit-length.ts';
import { crossEntropy } from '../model/losses.ts';
import type { MultimodalModel } from '../model/model.ts';
import { hardLabels } from './mixup/mixup.ts';
import { tf, type Scalar, type Tensor2D } from '../../engine/tensorflow.ts';
import type { CreateMethod } from './method.ts';

export const createLfm: CreateMethod = (training, modalities) => ({
  forward: (model, batch, { epoch }) => {
    const { lfm } = training;
    const features = model.encode(batch, true);
    const fitting = model.loss(model.fuse(features).logits, hardLabels(batch.labels, model.classes));
    const alpha = matchingShare(training, epoch);
    const contrastive = lfm.loss === 'contrastive';
    const matches = pairsOf(modalities).flatMap(([a, b]): Scalar[] => {
      const rows = rowsWithBoth(features, a, b);
      // What tells a clip from others needs two of them.
      if (rows.length < (contrastive ? 2 : 1)) return [];
      return contrastive
        ? [contrast(features, rows, a, b, lfm.temperature)]
        : [alignment(...([a, b].map((modality) => branchOf(model, features, rows, modality)) as Pair))];
    });
    const matching = matches.length === 0 ? tf.scalar(0) : tf.div(tf.addN(matches), matches.length);
    const loss = tf.add<Scalar>(tf.mul(fitting, 1 - alpha), tf.mul(matching, alpha));
    return { features, loss: contrastive ? loss : tf.mul(loss, 2) };
  },
});

type Pair = [Tensor2D, Tensor2D];

/** α₂, the matching's share, in an epoch counted from 0. */
export function matchingShare(
  { lfm: { matching, stretch }, epochs }: Pick<TrainingConfig, 'lfm' | 'epochs'>,
  epoch: number,
): number {
  if (matching === 'heuristic') return 1 - Math.exp(-1 / (epoch + 1));
  return matching === 'fitted' ? fittedShare(stretch ? (epoch * FITTED_EPOCHS) / epochs : epoch) : matching;
}

const FITTED_EPOCHS = 200;

/** By rising power of the epoch. */
const FITTED = [
  0.795376296, -3.35472727e-3, -1.22989557e-4, 2.92947416e-6, -2.23835486e-8, 5.39717505e-11,
] as const;

/** The authors' α₂, from 0.795 over 0.56 at epoch 50 and 0.46 at 100 to about 0; of the last epoch after the 200th. */
export function fittedShare(epoch: number): number {
  const at = Math.min(epoch, FITTED_EPOCHS - 1);
  const value = FITTED.reduceRight((sum, factor) => sum * at + factor, 0);
  return Math.min(1, Math.max(0, value));
}

/**
 * ½ KL(m ‖ p) + ½ KL(m ‖ q) with p, q the softmax of the logits and m their mean; mean over the rows.
 *
 * @param a logits [N, K] @param b logits [N, K]
 */
export function alignment(a: Tensor2D, b: Tensor2D): Scalar {
  const [logP, logQ] = [tf.logSoftmax(a), tf.logSoftmax(b)];
  const logM = tf.sub<Tensor2D>(tf.logSumExp(tf.stack([logP, logQ]), 0), Math.LN2);
  const gap = tf.sub(logM, tf.mul(tf.add(logP, logQ), 0.5));
  return tf.div(tf.sum(tf.mul(tf.exp(logM), gap)), a.shape[0]);
}

function branchOf(
  model: MultimodalModel,
  features: Features,
  rows: readonly number[],
  modality: Modality,
): Tensor2D {
  const logits = model.branch(features, modality);
  return rows.length === features.size ? logits : tf.gather(logits, tf.tensor1d([...rows], 'int32'));
}

function pairsOf(modalities: readonly Modality[]): (readonly [Modality, Modality])[] {
  return modalities.flatMap((a, at) => modalities.slice(at + 1).map((b) => [a, b] as const));
}

function rowsWithBoth({ size, present }: Features, a: Modality, b: Modality): number[] {
  return Array.from({ length: size }, (_, row) => row).filter((row) =>
    [a, b].every((modality) => isPresent(present, modality, row)),
  );
}

/** Which of the batch's clips belongs to this sound, and which sound to this clip? */
function contrast(
  features: Features,
  rows: readonly number[],
  a: Modality,
  b: Modality,
  temperature: number,
): Scalar {
  const directions = (modality: Modality): Tensor2D =>
    unitLength(tf.gather(featureOf(features, modality), tf.tensor1d([...rows], 'int32')), 1);
  const similarity = tf.div<Tensor2D>(tf.matMul(directions(a), directions(b), false, true), temperature);
  const itself = hardLabels(Int32Array.from(rows.keys()), rows.length);
  const both = [similarity, tf.transpose(similarity)].map((logits) => crossEntropy(logits, itself));
  return tf.div(tf.addN(both), 2);
}
