/**
 * MLA, multimodal learning with alternating unimodal adaptation (Zhang et al., CVPR 2024): within a step the modalities
 * are trained one after the other, each encoder with the one head that all share, and the prediction is the mean of
 * their logits weighted by certainty (`fusion/shared-head.ts`). So that a modality does not undo what the head has
 * learnt from the one before, the gradient of the head's weight is projected, P g, with P moved before each update
 * (recursive least squares over the mean feature z̄ of the batch, as orthogonal weight modification has it):
 *   P ← P − q (P z̄)ᵀ, q = P z̄ / (λ + z̄ᵀ P z̄), then P ← P / |P|_F, with λ = 10^−(1 + share of the epoch done);
 * at first P is the identity, and the first update of a training is not projected.
 *
 * The paper's text was not at hand. λ, the scaling by |P|_F and the order are the authors' public code's; there λ is
 * added to the matrix z̄ (P z̄)ᵀ element by element, ours is the recursive least squares formula. There the entropy is taken over
 * the batch; ours is of each clip's classes, as the method's description asks. Training accuracies are counted with
 * the head as it is after the step.
 */
import type { Modality } from '../../../schemas/modality.ts';
import type { Batch } from '../data/batches.ts';
import { featureOf } from '../model/features.ts';
import { sharedHead } from '../model/fusion/shared-head.ts';
import type { CreateExtension, MultimodalModel } from '../model/model.ts';
import { tf, type Scalar, type Tensor2D } from '../../engine/tensorflow.ts';
import type { CreateMethod, ForwardPass } from './method.ts';
import { unimodalLoss } from './unimodal-heads.ts';

const HEAD_WEIGHT = 'fusion.classifier.weight';
const PROJECTION = 'mla.projection';

export const createMla: CreateMethod = (training, modalities) => {
  const extend: CreateExtension = (parameters, { featureSize }) => {
    const projection = parameters.track(PROJECTION, [featureSize, featureSize], 0);
    tf.tidy(() => {
      projection.assign(tf.eye(featureSize));
    });
    return {};
  };
  return {
    fusion: sharedHead(training.mla.weighting),
    extend,
    forward: (model, batch) => {
      const features = model.encode(batch, true);
      const losses = modalities.map((modality) => unimodalLoss(model, features, batch, modality));
      return { features, loss: tf.div(tf.addN<Scalar>(losses), modalities.length) };
    },
    step: (tools, batch, { epoch, stepInEpoch, stepsPerEpoch }) => {
      const { model } = tools;
      const values: Partial<Record<Modality, Tensor2D>> = {};
      const losses: number[] = [];
      const lambda = 10 ** -(1 + stepInEpoch / stepsPerEpoch);
      for (const [turn, modality] of modalities.entries()) {
        const { loss, features, gradients } = tools.differentiate(() => alone(model, batch, modality), {
          by: (name) => name.startsWith(`${modality}.`) || name.startsWith('fusion.'),
        });
        const z = featureOf(features, modality);
        values[modality] = z;
        losses.push(loss);
        if (batch.images[modality] === undefined || batch.images[modality].rows.length === 0) continue;
        const atFirst = epoch === 0 && stepInEpoch === 0 && turn === 0;
        if (!atFirst) {
          const mean = tf.mul<Tensor2D>(tf.sum<Tensor2D>(z, 0, true), 1 / batch.images[modality].rows.length);
          const projection = model.parameters.buffers.get(PROJECTION)!;
          projection.assign(moveProjection(projection as Tensor2D, mean, lambda));
          const gradient = gradients.get(HEAD_WEIGHT)! as Tensor2D; // [D, K]
          gradients.set(HEAD_WEIGHT, tf.matMul(projection, gradient));
        }
        tools.apply(gradients);
      }
      tools.observe({ size: batch.size, present: batch.present, values });
      return { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
    },
  };
};

/** One modality's encoder and the shared head. */
function alone(model: MultimodalModel, batch: Batch, modality: Modality): ForwardPass {
  const values = { [modality]: model.encodeOne(batch, modality, true) };
  const features = { size: batch.size, present: batch.present, values };
  return { features, loss: unimodalLoss(model, features, batch, modality) };
}

/**
 * One step of recursive least squares, scaled to Frobenius norm 1.
 *
 * @param projection P [D, D], symmetric
 * @param mean z̄ [1, D]
 */
export function moveProjection(projection: Tensor2D, mean: Tensor2D, lambda: number): Tensor2D {
  return tf.tidy(() => {
    const k = tf.matMul(projection, mean, false, true); // P z̄, [D, 1]
    const moved = tf.sub(
      projection,
      tf.div(tf.matMul(k, k, false, true), tf.add(tf.matMul(mean, k), lambda)),
    );
    return tf.div<Tensor2D>(moved, tf.norm(moved));
  });
}
