/** One optimiser step, and one look at what the model says. */
import type { Modality } from '../../schemas/modality.ts';
import type { Batch } from './batches.ts';
import { discrepancyRatios, type PerModality } from './discrepancy.ts';
import type { Features } from './features.ts';
import type { Method, StepContext } from './methods/method.ts';
import type { Ratios } from './mixup.ts';
import type { MultimodalModel } from './model.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { tallyBatch, type Answers, type Tally } from './tally.ts';
import { tf, type Tensor2D } from './tensorflow.ts';

export interface StepOutcome {
  readonly loss: number;
  /** Of the unmixed features under the weights before the step. */
  readonly tally: Tally;
  readonly ratios: Ratios | undefined;
  readonly coefficients: PerModality | undefined;
}

export interface StepParts {
  readonly model: MultimodalModel;
  readonly method: Method;
  readonly optimizer: Optimizer;
}

/**
 * Forward, backward, adjust, update.
 *
 * @param step counts from 1 over the whole training
 */
export function trainStep(
  { model, method, optimizer }: StepParts,
  batch: Batch,
  context: StepContext,
  learningRate: number,
  step: number,
): StepOutcome {
  let features: Features | undefined;
  let ratios: Ratios | undefined;
  let outcome: StepOutcome | undefined;
  const { value, gradients } = model.parameters.gradients(() => {
    const pass = method.forward(model, batch, context);
    for (const tensor of Object.values(pass.features.values)) tf.keep(tensor);
    ({ features, ratios } = pass);
    return pass.loss;
  });
  try {
    tf.tidy(() => {
      const answers = answer(model, features!);
      const tally = tallyBatch(answers, batch.labels, batch.present, model.modalities);
      const adjusted = method.adjustGradients?.(gradients, discrepancyRatios(tally.scores), context);
      optimizer.apply(adjusted?.gradients ?? gradients, learningRate, step);
      const loss = value.dataSync()[0]!;
      outcome = { loss, tally, ratios, coefficients: adjusted?.coefficients };
    });
    return outcome!;
  } finally {
    value.dispose();
    for (const gradient of gradients.values()) gradient.dispose();
    for (const tensor of Object.values(features?.values ?? {})) tensor.dispose();
  }
}

/** Fused and branch logits of features, read back in one go. */
export function answer(model: MultimodalModel, features: Features): Answers {
  const logits: Tensor2D[] = [
    model.fuse(features).logits,
    ...model.modalities.map((modality) => model.branch(features, modality)),
  ];
  const values = tf.concat(logits, 0).dataSync<'float32'>(); // [(1 + U)·B, K]
  const size = features.size * model.classes;
  const branches: Partial<Record<Modality, Float32Array>> = {};
  for (const [place, modality] of model.modalities.entries()) {
    branches[modality] = values.subarray((place + 1) * size, (place + 2) * size);
  }
  return { fused: values.subarray(0, size), branches };
}

/** What the model says of a batch in testing mode. */
export function testStep(model: MultimodalModel, batch: Batch): Tally {
  let tally: Tally | undefined;
  tf.tidy(() => {
    const answers = answer(model, model.encode(batch, false));
    tally = tallyBatch(answers, batch.labels, batch.present, model.modalities);
  });
  return tally!;
}
