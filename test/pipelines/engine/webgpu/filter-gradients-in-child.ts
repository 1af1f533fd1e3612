/** Filters' gradients by the engine that the environment names, in a process of its own: one process has one engine. */
import { z } from 'zod';
import { tensorflowFacts, tf, type Tensor4D } from '../../../../pipelines/engine/tensorflow.ts';
import { convolution } from '../../../../pipelines/engine/kernels/convolution.ts';

const fourSchema = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const casesSchema = z.array(
  z.object({ x: fourSchema, filter: fourSchema, stride: z.number(), pad: z.number() }),
);
export type Case = z.infer<typeof casesSchema>[number];

/** The same on every engine: drawn by the processor. */
function numbers([a, b, c, d]: Case['x'], seed: number): Tensor4D {
  let state = seed;
  const values = Float32Array.from({ length: a * b * c * d }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
  return tf.tensor4d(values, [a, b, c, d]);
}

await tensorflowFacts();
// Dawn may still look after the beginning: see `map-now.ts`.
await new Promise((resolve) => setTimeout(resolve, 100));
const gradients = casesSchema
  .parse(JSON.parse(process.argv[2] ?? ''))
  .map(({ x, filter, stride, pad }, index) => {
    const input = numbers(x, 2 * index + 1);
    const gradientOf = tf.grad((weights) => {
      const y = convolution(input, weights as Tensor4D, { stride, pad, inputGradient: false });
      // Each output's gradient is another number.
      return tf.sum(tf.mul(y, numbers(y.shape, 2 * index + 2)));
    });
    const weights = numbers(filter, 7);
    return [weights, weights].map((given) => [...gradientOf(given).dataSync()]);
  });
process.stdout.write(JSON.stringify(gradients));
