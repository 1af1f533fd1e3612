/**
 * OGM-GE, on-the-fly gradient modulation with generalisation enhancement (Peng et al., "Balanced Multimodal Learning
 * via On-the-fly Gradient Modulation", CVPR 2022): joint training in which, from `startEpoch` to `endEpoch`
 * (inclusive, from 0), the gradients of an encoder's convolutions are multiplied by k^u of the batch (eq. 10)
 * and, with GE, get Gaussian noise of their own deviation (eq. 12; as the authors' code has it: 4-D weights
 * only, deviation of the unmodulated gradient + 1e-8, noise also where k^u = 1).
 */
import type { Modality } from '../../../schemas/modality.ts';
import { modulationCoefficients } from '../ogm.ts';
import type { Gradients } from '../parameters.ts';
import { tf, type Tensor } from '../tensorflow.ts';
import { gaussian } from '../kernels/gaussian.ts';
import { createJoint } from './joint.ts';
import type { CreateMethod, StepContext } from './method.ts';

export const createOgmGe: CreateMethod = (training, modalities) => {
  const { alpha, startEpoch, endEpoch, ge } = training.ogm;
  return {
    forward: createJoint(training, modalities).forward,
    adjustGradients: (gradients, rho, context) => {
      if (context.epoch < startEpoch || context.epoch > endEpoch) {
        const coefficients = Object.fromEntries(modalities.map((modality) => [modality, 1]));
        return { gradients, coefficients };
      }
      const coefficients = modulationCoefficients(rho, alpha);
      const adjusted: Gradients = new Map(gradients);
      for (const [name, gradient] of gradients) {
        const modality = encoderOf(name, modalities);
        if (modality === undefined || gradient.rank !== 4) continue;
        const scaled = tf.mul(gradient, coefficients[modality] ?? 1);
        adjusted.set(name, ge ? tf.add(scaled, enhancement(name, gradient, context)) : scaled);
      }
      return { gradients: adjusted, coefficients };
    },
  };
};

function encoderOf(name: string, modalities: readonly Modality[]): Modality | undefined {
  return modalities.find((modality) => name.startsWith(`${modality}.`));
}

/** N(0, (std(g) + 1e-8)²) in g's shape; std with Bessel's correction. */
function enhancement(name: string, gradient: Tensor, context: StepContext): Tensor {
  const { variance } = tf.moments(gradient);
  const deviation = tf.sqrt(tf.mul(variance, gradient.size / Math.max(1, gradient.size - 1)));
  const noise = gaussian(gradient.shape, context.random(`enhancement/${name}`));
  return tf.mul(noise, tf.add(deviation, 1e-8));
}
