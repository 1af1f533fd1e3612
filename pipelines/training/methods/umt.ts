/**
 * UMT, uni-modal teacher (Du et al., "On Uni-Modal Feature Learning in Supervised Multi-Modal Learning", ICML 2023):
 * joint training in which each encoder's feature is also drawn to that of a teacher, an encoder trained on that
 * modality alone: L = cross-entropy + μ Σ_u mean((z_u − z_u^teacher)²). The teachers are those of the method
 * `unimodal` on the same data and seed, trained first and fixed; they see the same pictures, in testing mode.
 *
 * The paper's text was not at hand: that the distance is the mean squared error of the features, and μ = 10, are as in
 * BalanceBenchmark's public code. The mean is over the clips that have the modality.
 */
import { METHOD_NEEDS } from '../../../schemas/config/methods.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Batch } from '../data/batches.ts';
import { column, featureOf, type Features } from '../model/features.ts';
import { isPresent } from '../data/presence.ts';
import { tf, type Scalar } from '../../engine/tensorflow.ts';
import { createJoint } from './joint.ts';
import type { CreateMethod, FinishedTraining, ForwardPass } from './method.ts';

export const createUmt: CreateMethod = (training, modalities) => {
  const joint = createJoint(training, modalities);
  let teacher: FinishedTraining['model'] | undefined;
  const distilling = (pass: ForwardPass, wanted: Partial<Record<Modality, Float32Array>>): ForwardPass => {
    const distances = modalities.map((modality) => distance(pass.features, modality, wanted[modality]!));
    const distillation = tf.mul<Scalar>(tf.addN<Scalar>(distances), training.umt.weight);
    return { ...pass, loss: tf.add(pass.loss, distillation) };
  };
  const teach = (batch: Batch) => teacher!.forward(batch).features;
  return {
    needs: METHOD_NEEDS.umt,
    begin: (finished) => {
      teacher = finished.get('unimodal')!.model;
    },
    forward: (model, batch, context) => distilling(joint.forward(model, batch, context), teach(batch)),
    step: (tools, batch, context) => {
      // Outside the tape, which would remember the teacher's passes too.
      const wanted = teach(batch);
      const { loss, features, gradients } = tools.differentiate(() =>
        distilling(joint.forward(tools.model, batch, context), wanted),
      );
      tools.observe(features);
      tools.apply(gradients);
      return { loss };
    },
  };
};

/** Mean of (z_u − wanted)² over the rows that have the modality, and over their D numbers. */
function distance(features: Features, modality: Modality, wanted: Float32Array): Scalar {
  const z = featureOf(features, modality);
  const has = (row: number) => Number(isPresent(features.present, modality, row));
  const count = Array.from({ length: features.size }, (_, row) => has(row)).reduce(
    (sum, one) => sum + one,
    0,
  );
  const squares = tf.square(tf.sub(z, tf.tensor2d(wanted, z.shape)));
  return tf.div(tf.sum(tf.mul(squares, column(features.size, has))), Math.max(1, count) * z.shape[1]);
}
