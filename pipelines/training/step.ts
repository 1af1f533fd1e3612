/** One optimiser step, and one look at what the model says. */
import type { Batch } from './data/batches.ts';
import { discrepancyRatios } from './methods/discrepancy.ts';
import { entriesOf, type PerModality } from '../../schemas/modality.ts';
import type {
  DifferentiateOptions,
  ForwardPass,
  Method,
  Pass,
  StepContext,
  StepReport,
  StepTools,
} from './methods/method.ts';
import type { Ratios } from './methods/mixup/mixup.ts';
import type { MultimodalModel } from './model/model.ts';
import { applyModulated } from './optimizers/modulated-step.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import type { Gradients } from '../engine/network/parameters.ts';
import { answer } from './model/answers.ts';
import { tallyBatch, type Tally } from './model/tally.ts';
import { tf, type Tensor } from '../engine/tensorflow.ts';

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
  readonly optimizer: Pick<Optimizer, 'apply' | 'ignoresScale'>;
}

/** The method's own step, or the ordinary one: forward, backward, adjust, update. */
export function trainStep(
  { model, method, optimizer }: StepParts,
  batch: Batch,
  context: StepContext,
  learningRate: number,
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
    apply: (gradients, factors = new Map()) => {
      const apply = (given: Gradients) => {
        optimizer.apply(given, learningRate);
      };
      applyModulated(optimizer, apply, model.parameters.trainable, gradients, factors);
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
  tools.apply(adjusted?.gradients ?? gradients, adjusted?.factors);
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
  const learnt = (name: string) => model.learns(name) && (by?.(name) ?? true);
  let pass: ForwardPass | undefined;
  const { value, gradients } = model.parameters.gradients(() => {
    pass = forward();
    for (const [, tensor] of entriesOf(pass.features.values)) kept.push(tf.keep(tensor));
    return pass.loss;
  }, learnt);
  for (const [buffer, values] of before) buffer.assign(values);
  return { ...pass!, loss: value.dataSync()[0]!, gradients };
}
