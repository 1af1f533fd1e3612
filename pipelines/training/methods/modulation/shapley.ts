/**
 * What each modality says of the fused logits: its Shapley value over the subsets of modalities, as AGM has it.
 *
 * As in the authors' public code a modality is left out by a zero input, and a pass that leaves one out runs in testing
 * mode (running statistics, which it does not move) with a gradient. Zero is meant of the normalised input: a picture
 * of ImageNet's mean colour, the training clips' mean spectrogram (theirs: zeros of a spectrogram not normalised).
 */
import type { Modality } from '../../../../schemas/modality.ts';
import type { Batch, Images } from '../../data/batches.ts';
import { isPresent } from '../../data/presence.ts';
import { column, type Features } from '../../model/features.ts';
import type { MultimodalModel } from '../../model/model.ts';
import { tf, type Tensor2D } from '../../../engine/tensorflow.ts';

/**
 * φ_u = Σ_{S ∌ u} |S|! (n − |S| − 1)! / n! · (f(S ∪ u) − f(S)), f(S) the fused logits without the modalities outside S,
 * and f(∅) = 0: what the empty set says cancels when it is shared equally. They add up to f of all.
 *
 * @param features of all modalities, in training mode, encoded before: it has moved the running statistics
 * @returns [B, K] for each modality
 */
export function shapleyLogits(
  model: MultimodalModel,
  batch: Batch,
  features: Features,
): Map<Modality, Tensor2D> {
  const { modalities } = model;
  const n = modalities.length;
  const here = new Map(modalities.map((modality) => [modality, model.encodeFixed(batch, modality)]));
  const away = new Map(modalities.map((modality) => [modality, featureOfNothing(model, batch, modality)]));
  const everyone = 2 ** n - 1;
  const isIn = (members: number, at: number) => (members & (1 << at)) !== 0;
  const subsets = Array.from({ length: 2 ** n }, (_, members): Tensor2D | undefined => {
    if (members === 0) return undefined;
    if (members === everyone) return model.fuse(features).logits;
    const values = Object.fromEntries(
      modalities.map((modality, at) => [modality, (isIn(members, at) ? here : away).get(modality)!]),
    );
    return model.fuse({ ...features, values }).logits;
  });
  return new Map(
    modalities.map((modality, at) => {
      const terms = subsets.flatMap((logits, members): Tensor2D[] => {
        if (isIn(members, at)) return [];
        const size = modalities.filter((_, other) => isIn(members, other)).length;
        const weight = (factorial(size) * factorial(n - size - 1)) / factorial(n);
        const joined = subsets[members | (1 << at)]!;
        return [tf.mul(logits === undefined ? joined : tf.sub<Tensor2D>(joined, logits), weight)];
      });
      return [modality, tf.addN<Tensor2D>(terms)];
    }),
  );
}

/** z_u of a zero input for each clip that has the modality, [B, D]; where it lacks it, zero, as any feature is. */
function featureOfNothing(model: MultimodalModel, batch: Batch, modality: Modality): Tensor2D {
  const images = batch.images[modality];
  if (images === undefined || images.rows.length === 0) return tf.zeros([batch.size, model.featureSize]);
  const [, ...clipShape] = images.shape;
  const zeros: Images = {
    rows: Int32Array.of(0),
    shape: [1, ...clipShape],
    values: new Float32Array(clipShape.reduce((product, length) => product * length, 1)),
  };
  const zero: Batch = {
    size: 1,
    rows: Int32Array.of(0),
    labels: Int32Array.of(0),
    present: { [modality]: Uint8Array.of(1) },
    images: { [modality]: zeros },
  };
  const has = column(batch.size, (row) => Number(isPresent(batch.present, modality, row)));
  return tf.matMul(has, model.encodeFixed(zero, modality));
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}
