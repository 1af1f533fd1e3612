/**
 * PMR, prototypical modal rebalance (Fan et al., CVPR 2023): joint training in which the modality that is behind is
 * also drawn to the prototypes of its classes, c_k^u, the mean features of class k:
 *   - p^u = softmax_k(−|z_u − c_k^u|), Euclidean; strength s^u = Σ p^u[y] over the batch's clips that have all
 *     modalities; ρ^u = s^u / mean of the others';
 *   - L = cross-entropy + α Σ_{u: ρ^u < 1} −log p^u[y], from `startEpoch` to `endEpoch` (inclusive, from 0).
 *
 * The paper's text was not at hand: this is the authors' public code, without the entropy term that the paper names
 * and that code lacks. Ours: the prototypes are the means of the features that training saw over the epoch before
 * (theirs: a tenth of the training clips, encoded anew), joined with the older ones as there,
 * (1 − m) new + m old; so the first epoch has none, and is joint training. More than two modalities are our extension.
 */
import type { Modality, PerModality } from '../../../schemas/modality.ts';
import type { Batch } from '../data/batches.ts';
import { discrepancyRatios } from './discrepancy.ts';
import { featureOf, type Features } from '../model/features.ts';
import { isPresent, presentCount } from '../data/presence.ts';
import { crossEntropy } from '../model/losses.ts';
import { hardLabels } from './mixup/mixup.ts';
import type { CreateExtension, MultimodalModel } from '../model/model.ts';
import { tf, type Scalar, type Tensor2D, type Variable } from '../../engine/tensorflow.ts';
import { createJoint } from './joint.ts';
import type { CreateMethod, ForwardPass, Method } from './method.ts';

export const createPmr: CreateMethod = (training, modalities) => {
  const { alpha, momentum, startEpoch, endEpoch } = training.pmr;
  const joint = createJoint(training, modalities);
  const extend: CreateExtension = (parameters, { classes, featureSize }) => {
    for (const modality of modalities) {
      for (const name of ['prototypes', 'sums']) {
        parameters.track(`pmr.${name}.${modality}`, [classes, featureSize], 0);
      }
      // Clips counted: in the epoch so far, and in all that the prototypes come from.
      for (const name of ['counts', 'known']) parameters.track(`pmr.${name}.${modality}`, [classes, 1], 0);
    }
    return {};
  };
  const withAttraction = (model: MultimodalModel, batch: Batch, pass: ForwardPass): ForwardPass => ({
    ...pass,
    loss: tf.add(pass.loss, tf.mul(attraction(model, pass.features, batch), alpha)),
  });
  const forward: Method['forward'] = (model, batch, context) => {
    const pass = joint.forward(model, batch, context);
    const { epoch } = context;
    const attracted = epoch > 0 && epoch >= startEpoch && epoch <= endEpoch;
    return attracted ? withAttraction(model, batch, pass) : pass;
  };
  return {
    extend,
    forward,
    step: (tools, batch, context) => {
      const pass = tools.differentiate(() => forward(tools.model, batch, context));
      tools.observe(pass.features);
      tools.apply(pass.gradients);
      for (const modality of modalities) addToSums(tools.model, pass.features, batch, modality);
      return { loss: pass.loss };
    },
    onEpochEnd: (_rho, { model }) => {
      for (const modality of modalities) movePrototypes(model, modality, momentum);
    },
  };
};

/** Σ_{u: ρ^u < 1} −log p^u[y], each the mean over the clips that have u and whose class has a prototype. */
function attraction(model: MultimodalModel, features: Features, batch: Batch): Scalar {
  const logits = new Map(
    model.modalities.map((modality) => [modality, prototypeLogits(model, features, modality)]),
  );
  const complete = Uint8Array.from(batch.labels, (_, row) =>
    Number(presentCount(batch.present, model.modalities, row) === model.modalities.length),
  );
  const scores: PerModality = {};
  for (const [modality, similarity] of logits) {
    const probabilities = tf.softmax(similarity).dataSync();
    scores[modality] = batch.labels.reduce(
      (sum, label, row) => sum + complete[row]! * probabilities[row * model.classes + label]!,
      0,
    );
  }
  const rho = discrepancyRatios(scores);
  const labels = hardLabels(batch.labels, model.classes);
  const losses = [...logits]
    .filter(([modality]) => rho[modality]! < 1)
    .map(([modality, similarity]) => {
      const known = buffer(model, 'known', modality).dataSync();
      const usable = Uint8Array.from(batch.labels, (label, row) =>
        Number(isPresent(batch.present, modality, row) && known[label]! > 0),
      );
      return crossEntropy(similarity, labels, usable);
    });
  return losses.length === 0 ? tf.scalar(0) : tf.addN<Scalar>(losses);
}

/** Keeps the root's gradient finite where a feature is its prototype. */
const SMALLEST_SQUARE = 1e-12;
/** In place of the similarity to a class that no clip was seen of. */
const UNLIKE_ANY = -1e9;

/** −|z_u − c_k|, [B, K]. */
function prototypeLogits(model: MultimodalModel, features: Features, modality: Modality): Tensor2D {
  const z = tf.expandDims(featureOf(features, modality), 1); // [B, 1, D]
  const prototypes = tf.expandDims(buffer(model, 'prototypes', modality), 0); // [1, K, D]
  const squares = tf.sum<Tensor2D>(tf.square(tf.sub(z, prototypes)), 2);
  const distance = tf.sqrt(tf.maximum(squares, SMALLEST_SQUARE));
  const known = tf.reshape(buffer(model, 'known', modality), [1, model.classes]);
  return tf.sub(tf.mul(tf.equal(known, 0), UNLIKE_ANY), distance);
}

function addToSums(model: MultimodalModel, features: Features, batch: Batch, modality: Modality): void {
  const own = hardLabels(batch.labels, model.classes).map(
    (one, at) => one * Number(isPresent(batch.present, modality, Math.floor(at / model.classes))),
  );
  const membership = tf.tensor2d(own, [batch.size, model.classes]);
  const add = (name: 'sums' | 'counts', values: Tensor2D) => {
    const into = buffer(model, name, modality);
    into.assign(tf.add(into, values));
  };
  add('sums', tf.matMul(membership, featureOf(features, modality), true));
  add('counts', tf.sum<Tensor2D>(membership, 0).reshape([model.classes, 1]));
}

/** (1 − m) · the epoch's means + m · the prototypes so far, and the sums begin anew. */
function movePrototypes(model: MultimodalModel, modality: Modality, momentum: number): void {
  const of = (name: BufferName) => buffer(model, name, modality);
  tf.tidy(() => {
    const seen = tf.greater(of('counts'), 0);
    const first = tf.equal(of('known'), 0);
    const means = tf.div(of('sums'), tf.maximum(of('counts'), 1));
    const kept = tf.where(first, 0, momentum); // [K, 1]
    const moved = tf.add(tf.mul(tf.sub(1, kept), means), tf.mul(kept, of('prototypes')));
    of('prototypes').assign(tf.where(tf.tile(seen, [1, means.shape[1]!]), moved, of('prototypes')));
    of('known').assign(tf.add(of('known'), of('counts')));
    of('sums').assign(tf.zerosLike(of('sums')));
    of('counts').assign(tf.zerosLike(of('counts')));
  });
}

type BufferName = 'prototypes' | 'sums' | 'counts' | 'known';

function buffer(model: MultimodalModel, name: BufferName, modality: Modality): Variable {
  return model.parameters.buffers.get(`pmr.${name}.${modality}`)!;
}
