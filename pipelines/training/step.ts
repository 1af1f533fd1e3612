/** One optimiser step, and one look at what the model says. */
import type { Modality } from '../../schemas/modality.ts';
import type { Batch } from './batches.ts';
import { discrepancyRatios, type PerModality } from './discrepancy.ts';
import type { Features } from './features.ts';
import type {
  DifferentiateOptions,
  ForwardPass,
  Method,
  Pass,
  StepContext,
  StepReport,
  StepTools,
} from './methods/method.ts';
import type { Ratios } from './mixup.ts';
import type { MultimodalModel } from './model.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { tallyBatch, type Answers, type Tally } from './tally.ts';
import { tf, type Tensor, type Tensor2D } from './tensorflow.ts';

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
 * The method's own step, or the ordinary one: forward, backward, adjust, update.
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
  const kept: Tensor[] = [];
  let tally: Tally | undefined;
  const tools: StepTools = {
    model,
    differentiate: (forward, options) => differentiate(model, forward, kept, options),
    observe: (features) => {
      tally = tallyBatch(answer(model, features), batch.labels, batch.present, model.modalities);
      return discrepancyRatios(tally.scores);
    },
    apply: (gradients) => {
      optimizer.apply(gradients, learningRate, step);
    },
  };
  let report: StepReport | undefined;
  try {
    tf.tidy(() => {
      report =
        method.step === undefined
          ? ordinaryStep(method, tools, batch, context)
          : method.step(tools, batch, context);
    });
    const { loss, ratios, coefficients } = report!;
    return { loss, tally: tally!, ratios, coefficients };
  } finally {
    for (const tensor of kept) tensor.dispose();
  }
}

function ordinaryStep(method: Method, tools: StepTools, batch: Batch, context: StepContext): StepReport {
  const { loss, features, ratios, gradients } = tools.differentiate(() =>
    method.forward(tools.model, batch, context),
  );
  const rho = tools.observe(features);
  const adjusted = method.adjustGradients?.(gradients, rho, context);
  tools.apply(adjusted?.gradients ?? gradients);
  return { loss, ratios, coefficients: adjusted?.coefficients };
}

/** The gradients belong to the tidy around the call; the features, which leave the tape's, go to `kept`. */
function differentiate(
  model: MultimodalModel,
  forward: () => ForwardPass,
  kept: Tensor[],
  { by, keepStatistics = false }: DifferentiateOptions = {},
): Pass {
  const before = keepStatistics
    ? [...model.parameters.buffers.values()].map((buffer) => [buffer, buffer.clone()] as const)
    : [];
  let pass: ForwardPass | undefined;
  const { value, gradients } = model.parameters.gradients(() => {
    pass = forward();
    for (const tensor of Object.values(pass.features.values)) kept.push(tf.keep(tensor));
    return pass.loss;
  }, by);
  for (const [buffer, values] of before) buffer.assign(values);
  return { ...pass!, loss: value.dataSync()[0]!, gradients };
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
