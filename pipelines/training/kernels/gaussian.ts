/** Normal random tensors by TensorFlow's counter-based operator: a pure function of its two seeds. */
import type { Generator } from '../../random/generator.ts';
import { attribute, executeOne, tf, type Tensor } from '../tensorflow.ts';

const SEED_RANGE = 0x7fffffff;

/** N(0, 1) in any shape; takes two integers from `random`. */
export function gaussian(shape: readonly number[], random: Generator): Tensor {
  return tf.tidy(() =>
    executeOne(
      'StatelessRandomNormal',
      [attribute.float32('dtype'), attribute.int32('T'), attribute.int32('Tseed')],
      [
        tf.tensor1d([...shape], 'int32'),
        tf.tensor1d([random.integer(SEED_RANGE), random.integer(SEED_RANGE)], 'int32'),
      ],
    ),
  );
}
