/**
 * G-Blending, gradient blending (Wang, Tran, Feiszli, "What Makes Training Multi-Modal Classification Networks Hard?",
 * CVPR 2020), offline: the multimodal loss and a loss on a head of each modality's own, L = Σ_k w_k L_k, weighted by
 * how much a model of that kind generalises against how much it overfits: w_k ∝ ΔG_k / ΔO_k² (proposition 1), where G
 * is the fall of the validation loss and O the gap between validation and training loss. They are measured on models
 * trained apart, as the paper's: the trainings `unimodal` and `joint` on the same data, which are done first.
 *
 * The paper's text was not at hand. Ours: the window goes from the end of the first epoch to the last; a loss that did
 * not fall on the validation split has weight 0 (all of them: equal weights); |ΔO| counts as at least 0.01; the
 * weights add up to 1.
 */
import { ModalmixError } from '../../../schemas/errors.ts';
import { METHOD_NEEDS } from '../../../schemas/config/methods.ts';
import type { EpochMetrics } from '../../../schemas/training.ts';
import { hardLabels } from './mixup/mixup.ts';
import { tf, type Scalar } from '../../engine/tensorflow.ts';
import type { CreateMethod } from './method.ts';
import { createUnimodalHeads, unimodalLoss } from './unimodal-heads.ts';

const SMALLEST_OVERFITTING = 1e-2;

export const createGBlending: CreateMethod = (_training, modalities) => {
  let weights: readonly number[] = [];
  return {
    needs: METHOD_NEEDS['g-blending'],
    needsValidation: 'its weights come from the validation losses',
    extend: createUnimodalHeads,
    begin: (finished) => {
      const joint = lossCurve(finished.get('joint')!.metrics, ({ loss }) => loss);
      const alone = modalities.map((modality) =>
        lossCurve(finished.get('unimodal')!.metrics, ({ branchLosses }) => branchLosses?.[modality]),
      );
      weights = blendingWeights([...alone, joint]);
    },
    forward: (model, batch) => {
      const features = model.encode(batch, true);
      const losses = [
        ...modalities.map((modality) => unimodalLoss(model, features, batch, modality)),
        model.loss(model.fuse(features).logits, hardLabels(batch.labels, model.classes)),
      ];
      return {
        features,
        loss: tf.addN<Scalar>(losses.map((loss, k) => tf.mul<Scalar>(loss, weights[k]!))),
      };
    },
  };
};

/** Training and validation loss of one model at a window's two ends. */
export interface LossCurve {
  readonly train: readonly [number, number];
  readonly validation: readonly [number, number];
}

/** w_k = ΔG_k / ΔO_k², scaled to add up to 1. */
export function blendingWeights(curves: readonly LossCurve[]): number[] {
  const raw = curves.map(({ train, validation }) => {
    const generalisation = Math.max(0, validation[0] - validation[1]);
    const overfitting = validation[1] - train[1] - (validation[0] - train[0]);
    return generalisation / Math.max(SMALLEST_OVERFITTING, Math.abs(overfitting)) ** 2;
  });
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return raw.map((weight) => (sum > 0 ? weight / sum : 1 / raw.length));
}

function lossCurve(
  metrics: readonly EpochMetrics[],
  lossOf: (accuracy: EpochMetrics['train']) => number | undefined,
): LossCurve {
  const [first, last] = [metrics[0]!, metrics.at(-1)!];
  const ends = (split: 'train' | 'validation'): [number, number] => {
    const [from, to] = [first[split], last[split]].map((accuracy) => accuracy && lossOf(accuracy));
    if (from !== undefined && to !== undefined) return [from, to];
    throw new ModalmixError('config', `g-blending has no ${split} losses to weigh by`, {
      fix: 'Set dataset.validationShare, and delete trainings made by older versions.',
    });
  };
  return { train: ends('train'), validation: ends('validation') };
}
