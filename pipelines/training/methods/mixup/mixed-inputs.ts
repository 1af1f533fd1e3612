/**
 * The step of methods that mix inputs. The encoders see mixed inputs only, so what the metrics want to know of the
 * unmixed ones costs a forward pass more, about a third of a step.
 */
import type { Batch } from '../../data/batches.ts';
import type { Features } from '../../model/features.ts';
import type { BatchMixer } from './mix-batch.ts';
import { drawPartners, mixLabels, mixWeights, type Ratios } from './mixup.ts';
import type { MultimodalModel } from '../../model/model.ts';
import { tf } from '../../../engine/tensorflow.ts';
import type { ForwardPass, StepContext, StepReport, StepTools } from '../method.ts';

/** Cross-entropy of the mixed inputs with the mixed labels. Its features are the mixed inputs'. */
export function forwardMixedInputs(
  mixer: BatchMixer,
  model: MultimodalModel,
  batch: Batch,
  context: StepContext,
  ratios: Ratios,
): ForwardPass {
  const partners = drawPartners(context.random('pairs'), batch.size);
  const weights = new Map(
    model.modalities.map((modality) => [
      modality,
      mixWeights(ratios[modality] ?? 1, modality, batch.present, partners),
    ]),
  );
  const labels = mixLabels(batch.labels, partners, [...weights.values()], model.classes);
  const features = model.encode(mixer.mix(batch, partners, weights), true);
  return { features, ratios, loss: model.loss(model.fuse(features).logits, labels) };
}

/** Counts the unmixed batch, then learns from the mixed one. */
export function mixedInputsStep(tools: StepTools, batch: Batch, forward: () => ForwardPass): StepReport {
  tools.observe(unmixedFeatures(tools.model, batch));
  const { loss, ratios, gradients } = tools.differentiate(forward);
  tools.apply(gradients);
  return { loss, ratios };
}

/** Normalised by the batch, as in training, without moving the running statistics. */
function unmixedFeatures(model: MultimodalModel, batch: Batch): Features {
  const buffers = [...model.parameters.buffers.values()];
  const values = tf.tidy(() => {
    const before = buffers.map((buffer) => buffer.clone());
    const features = model.encode(batch, true);
    for (const [at, buffer] of buffers.entries()) buffer.assign(before[at]!);
    return features.values;
  });
  return { size: batch.size, values, present: batch.present };
}
