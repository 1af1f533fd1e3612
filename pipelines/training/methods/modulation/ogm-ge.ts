/**
 * OGM-GE, on-the-fly gradient modulation with generalisation enhancement (Peng et al., "Balanced Multimodal Learning
 * via On-the-fly Gradient Modulation", CVPR 2022): joint training in which, from `startEpoch` to `endEpoch`
 * (inclusive, from 0), the gradients of an encoder's convolutions are multiplied by k^u of the batch (eq. 10)
 * and, with GE, get Gaussian noise of their own deviation (eq. 12; as the authors' code has it: 4-D weights
 * only, deviation of the unmodulated gradient + 1e-8, noise also where k^u = 1).
 *
 * k^u is meant for SGD, whose step it slows. Under Adam, which divides a gradient's scale out of its step, the step itself
 * is multiplied by k^u (`optimizers/modulated-step.ts`; ours, their code has SGD only).
 */
import type { Modality } from '../../../../schemas/modality.ts';
import { modulationCoefficients } from './ogm-coefficients.ts';
import type { Gradients } from '../../../engine/network/parameters.ts';
import { tf } from '../../../engine/tensorflow.ts';
import { withNoise } from '../../../engine/kernels/gaussian.ts';
import { createJoint } from '../joint.ts';
import type { CreateMethod } from '../method.ts';

const DEVIATION_MINIMUM = 1e-8;
/** tanh rounds to 1 where ρ is large; what is divided out again must not be 0. */
const SMALLEST_FACTOR = 1e-6;

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
      const factors = new Map<string, number>();
      for (const [name, gradient] of gradients) {
        const modality = encoderOf(name, modalities);
        if (modality === undefined || gradient.rank !== 4) continue;
        const coefficient = coefficients[modality] ?? 1;
        factors.set(name, Math.max(SMALLEST_FACTOR, coefficient));
        adjusted.set(
          name,
          ge
            ? withNoise(gradient, coefficient, DEVIATION_MINIMUM, context.random(`enhancement/${name}`))
            : tf.mul(gradient, coefficient),
        );
        gradient.dispose();
      }
      return { gradients: adjusted, coefficients, factors };
    },
  };
};

function encoderOf(name: string, modalities: readonly Modality[]): Modality | undefined {
  return modalities.find((modality) => name.startsWith(`${modality}.`));
}
