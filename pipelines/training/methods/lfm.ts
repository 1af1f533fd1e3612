/**
 * LFM (Yang et al., "Facilitating Multimodal Classification via Dynamically Learning Modality Gap", NeurIPS 2024):
 * fitting labels is what modalities do at different speeds, so it is held back by a contrastive loss that does not
 * know them: (1 − α_t) · L_class + α_t · L_match, with the heuristic α_t = 1 − e^(−1/t) at epoch t = 1, 2, …
 *
 * L_match is the symmetric InfoNCE between the features of a clip's modalities at temperature 0.07, averaged over the
 * pairs of modalities, each over the clips of the batch that have both.
 *
 * The paper's text was not at hand. α_t is from a summary of it; that α_t weighs the matching (much at first, less
 * and less) and the temperature are read from copies of its authors' code. Assumed: L_class is the fused model's
 * cross-entropy. The paper's other weight, learnt by bi-level optimisation, is not offered.
 */
import type { Modality } from '../../../schemas/modality.ts';
import { featureOf, type Features } from '../model/features.ts';
import { isPresent } from '../data/presence.ts';
import { unitLength } from '../../engine/kernels/unit-length.ts';
import { crossEntropy } from '../model/losses.ts';
import { hardLabels } from './mixup/mixup.ts';
import { tf, type Scalar, type Tensor2D } from '../../engine/tensorflow.ts';
import type { CreateMethod } from './method.ts';

export const createLfm: CreateMethod = ({ lfm }, modalities) => ({
  forward: (model, batch, { epoch }) => {
    const features = model.encode(batch, true);
    const fitting = model.loss(model.fuse(features).logits, hardLabels(batch.labels, model.classes));
    const alpha = lfm.matching === 'heuristic' ? matchingWeight(epoch + 1) : lfm.matching;
    const matches = pairsOf(modalities).flatMap(([a, b]) => matchingLoss(features, a, b, lfm.temperature));
    const matching = matches.length === 0 ? tf.scalar(0) : tf.div(tf.addN(matches), matches.length);
    return { features, loss: tf.add<Scalar>(tf.mul(fitting, 1 - alpha), tf.mul(matching, alpha)) };
  },
});

/** α_t, falling from 0.63 to 0. */
export function matchingWeight(epoch: number): number {
  return 1 - Math.exp(-1 / epoch);
}

function pairsOf(modalities: readonly Modality[]): (readonly [Modality, Modality])[] {
  return modalities.flatMap((a, at) => modalities.slice(at + 1).map((b) => [a, b] as const));
}

/** Which of the batch's clips belongs to this sound, and which sound to this clip? Nothing with fewer than two. */
function matchingLoss(features: Features, a: Modality, b: Modality, temperature: number): [Scalar] | [] {
  const rows = Array.from({ length: features.size }, (_, row) => row).filter((row) =>
    [a, b].every((modality) => isPresent(features.present, modality, row)),
  );
  if (rows.length < 2) return [];
  const directions = (modality: Modality): Tensor2D =>
    unitLength(tf.gather(featureOf(features, modality), tf.tensor1d(rows, 'int32')), 1);
  const similarity = tf.div<Tensor2D>(tf.matMul(directions(a), directions(b), false, true), temperature);
  const itself = hardLabels(Int32Array.from(rows.keys()), rows.length);
  const both = [similarity, tf.transpose(similarity)].map((logits) => crossEntropy(logits, itself));
  return [tf.div(tf.addN(both), 2)];
}
