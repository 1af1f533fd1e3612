/**
 * MMPareto (Wei, Hu, "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance", ICML 2024): beside the
 * multimodal loss each modality has a loss on a head of its own, and an encoder's two gradients, multimodal g_m and
 * unimodal g_u, are joined by direction and by magnitude:
 *   - no conflict (cos(g_m, g_u) > 0, over all of the encoder's parameters): weights ½ and ½; in conflict the weights
 *     (a, 1 − a) of the shortest vector a g_m + (1 − a) g_u (Pareto's, `shortestMix`);
 *   - h = 2a g_m + 2(1 − a) g_u; each parameter's h is stretched to at least the length of g_m + g_u, then times γ.
 * The fusion follows the multimodal loss, the heads their own.
 *
 * The paper's text was not at hand: formulas, the length by parameter and γ = 1.5 are as in the authors' public code.
 * Ours differentiates by a second forward pass, which leaves the running statistics alone.
 */
import type { Modality } from '../../../../schemas/modality.ts';
import { hardLabels } from '../mixup/mixup.ts';
import type { Gradients } from '../../../engine/network/parameters.ts';
import { tf, type Scalar, type Tensor } from '../../../engine/tensorflow.ts';
import type { Batch } from '../../data/batches.ts';
import type { MultimodalModel } from '../../model/model.ts';
import type { CreateMethod, ForwardPass } from '../method.ts';
import { createUnimodalHeads, unimodalLoss } from '../unimodal-heads.ts';

export const createMmPareto: CreateMethod = (training, modalities) => {
  const multimodal = (model: MultimodalModel, batch: Batch): ForwardPass => {
    const features = model.encode(batch, true);
    const loss = model.loss(model.fuse(features).logits, hardLabels(batch.labels, model.classes));
    return { features, loss };
  };
  const unimodal = (model: MultimodalModel, batch: Batch): ForwardPass => {
    const features = model.encode(batch, true);
    const losses = modalities.map((modality) => unimodalLoss(model, features, batch, modality));
    return { features, loss: tf.addN<Scalar>(losses) };
  };
  return {
    extend: createUnimodalHeads,
    forward: (model, batch) => {
      const joint = multimodal(model, batch);
      const alone = modalities.map((modality) => unimodalLoss(model, joint.features, batch, modality));
      return { features: joint.features, loss: tf.addN<Scalar>([joint.loss, ...alone]) };
    },
    step: (tools, batch) => {
      const joint = tools.differentiate(() => multimodal(tools.model, batch));
      // No parameter is shared between modalities, so the sum's gradients are each loss's own.
      const alone = tools.differentiate(() => unimodal(tools.model, batch), { keepStatistics: true });
      tools.observe(joint.features);
      const gradients: Gradients = new Map([...joint.gradients, ...alone.gradients]);
      for (const modality of modalities) {
        for (const [name, gradient] of joinGradients(
          joint.gradients,
          alone.gradients,
          modality,
          training.mmPareto.gamma,
        )) {
          gradients.set(name, gradient);
        }
      }
      tools.apply(gradients);
      return { loss: joint.loss + alone.loss };
    },
  };
};

/** γ h of one encoder's parameters. */
function joinGradients(joint: Gradients, alone: Gradients, modality: Modality, gamma: number): Gradients {
  const names = [...joint.keys()].filter((name) => name.startsWith(`${modality}.`) && alone.has(name));
  const dot = (a: Gradients, b: Gradients) =>
    names.reduce((sum, name) => sum + inner(a.get(name)!, b.get(name)!), 0);
  const products = { mm: dot(joint, joint), mu: dot(joint, alone), uu: dot(alone, alone) };
  const share = products.mu > 0 ? 0.5 : shortestMix(products);
  return new Map(
    names.map((name) => {
      const [multimodal, unimodal] = [joint.get(name)!, alone.get(name)!];
      const mixed = tf.add(tf.mul(multimodal, 2 * share), tf.mul(unimodal, 2 * (1 - share)));
      const wanted = Math.sqrt(squaredLength(tf.add(multimodal, unimodal)));
      const length = Math.sqrt(squaredLength(mixed));
      return [name, tf.mul(mixed, gamma * (length > 0 ? Math.max(1, wanted / length) : 1))];
    }),
  );
}

/**
 * The a in [0, 1] for which |a g_m + (1 − a) g_u| is smallest (Sener, Koltun, NeurIPS 2018, algorithm 1).
 *
 * @param products inner products of the two gradients
 */
export function shortestMix({ mm, mu, uu }: { mm: number; mu: number; uu: number }): number {
  const distance = mm + uu - 2 * mu; // |g_m − g_u|²
  return distance > 0 ? Math.min(1, Math.max(0, (uu - mu) / distance)) : 0.5;
}

function inner(a: Tensor, b: Tensor): number {
  return tf.sum(tf.mul(a, b)).dataSync()[0]!;
}

function squaredLength(a: Tensor): number {
  return inner(a, a);
}
