/**
 * CML, calibrating multimodal learning (Ma et al., "Calibrating Multimodal Learning", ICML 2023): confidence must not
 * rise when a modality is removed. Each clip is also seen with its modalities taken away one after the other, in a
 * random order of its own, down to one. The loss is the mean cross-entropy over all these views, and
 * weight · Σ max(0, conf(view with one modality less) − conf(view)) over clips and removals, conf the largest
 * probability of the fused model.
 *
 * The paper's text was not at hand; the views, the sum over the batch with weight 0.1, and that a removal which turns
 * a wrong answer into the right one is not punished, are read from its authors' code. Removed means missing, as each
 * fusion treats it.
 */
import type { Modality } from '../../../schemas/modality.ts';
import { column, featureOf, type Features } from '../model/features.ts';
import { isPresent, presentCount, type Presence } from '../data/presence.ts';
import { hardLabels } from './mixup/mixup.ts';
import { argMax } from '../model/tally.ts';
import { tf, type Scalar, type Tensor1D, type Tensor2D } from '../../engine/tensorflow.ts';
import type { CreateMethod } from './method.ts';

export const createCml: CreateMethod = ({ cml }, modalities) => ({
  forward: (model, batch, context) => {
    const features = model.encode(batch, true);
    const labels = hardLabels(batch.labels, model.classes);
    const random = context.random('removal');
    const orders = Array.from(batch.labels, () =>
      Array.from(random.permutation(modalities.length), (at) => modalities[at]!),
    );
    const counts = orders.map((_, row) => presentCount(batch.present, modalities, row));
    // A clip with m modalities has m views; one with none is seen as it is.
    const views = counts.reduce((sum, count) => sum + Math.max(1, count), 0);
    const losses: Scalar[] = [];
    const rises: Scalar[] = [];
    let fuller: View | undefined;
    for (let removed = 0; removed < modalities.length; removed += 1) {
      const exists = Uint8Array.from(counts, (count) => Number(removed < Math.max(1, count)));
      const here = exists.reduce((sum, one) => sum + one, 0);
      if (here === 0) break;
      const { logits } = model.fuse(without(features, modalities, orders, removed));
      losses.push(tf.mul(model.loss(logits, labels, exists), here / views));
      const view = confidenceOf(logits, batch.labels);
      if (fuller !== undefined) rises.push(rise(fuller, view, exists));
      fuller = view;
    }
    const fitting = tf.addN(losses);
    return {
      features,
      loss: rises.length === 0 ? fitting : tf.add<Scalar>(fitting, tf.mul(tf.addN(rises), cml.weight)),
    };
  },
});

interface View {
  /** Of the answer given, [B]. */
  readonly confidence: Tensor1D;
  readonly right: readonly boolean[];
}

/** The features without the first `removed` that each clip has of its order, but always with its last. */
function without(
  { size, values, present }: Features,
  modalities: readonly Modality[],
  orders: readonly (readonly Modality[])[],
  removed: number,
): Features {
  if (removed === 0) return { size, values, present };
  const kept = orders.map((order, row) => {
    const has = order.filter((modality) => isPresent(present, modality, row));
    return has.slice(Math.min(removed, has.length - 1));
  });
  const seen: Presence = Object.fromEntries(
    modalities.map((modality) => [
      modality,
      Uint8Array.from(kept, (those) => Number(those.includes(modality))),
    ]),
  );
  const left = modalities.map((modality) => [
    modality,
    tf.mul<Tensor2D>(
      featureOf({ size, values, present }, modality),
      column(size, (row) => seen[modality]![row]!),
    ),
  ]);
  return { size, values: Object.fromEntries(left) as Features['values'], present: seen };
}

function confidenceOf(logits: Tensor2D, labels: Int32Array): View {
  const [size, classes] = logits.shape;
  const values = logits.dataSync<'float32'>();
  const answers = Int32Array.from({ length: size }, (_, row) =>
    argMax(values.subarray(row * classes, (row + 1) * classes)),
  );
  const chosen = tf.tensor2d(hardLabels(answers, classes), [size, classes]);
  return {
    confidence: tf.sum<Tensor1D>(tf.mul(tf.softmax(logits), chosen), 1),
    right: Array.from(answers, (answer, row) => answer === labels[row]),
  };
}

/** Σ max(0, conf(reduced) − conf(fuller)) over the clips that have the reduced view. */
function rise(fuller: View, reduced: View, exists: Uint8Array): Scalar {
  const counted = exists.map((one, row) => Number(one === 1 && (fuller.right[row]! || !reduced.right[row]!)));
  const rises = tf.relu(tf.sub(reduced.confidence, fuller.confidence));
  return tf.sum(tf.mul(rises, tf.tensor1d(Float32Array.from(counted))));
}
