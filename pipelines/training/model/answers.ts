/** What a model says of a batch: fused and by branch, in numbers. */
import type { Modality } from '../../../schemas/modality.ts';
import { tf, type Tensor2D } from '../../engine/tensorflow.ts';
import type { Batch } from '../data/batches.ts';
import type { Features } from './features.ts';
import type { MultimodalModel } from './model.ts';
import { tallyBatch, type Answers, type Tally } from './tally.ts';

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
