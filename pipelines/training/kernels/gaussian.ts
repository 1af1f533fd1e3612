/**
 * Normal random tensors: pure functions of a generator's stream (`pipelines/random`), by Box and Muller's transform of
 * Philox' words. Our own kernel and TensorFlow's operators draw the same words; what they make of them differs by
 * rounding.
 */
import type { Generator, Stream } from '../../random/generator.ts';
import { attribute, backend, executeOne, tf, type Tensor } from '../tensorflow.ts';
import { int32, release, runOne, type Handle } from './handles.ts';
import { nativeKernels } from './native.ts';

/** Blocks of four words whose numbers stand together: word by word, eight blocks side by side. */
const GROUPED_BLOCKS = 8;
const WORDS = 4;
/** TensorFlow's name for a type that TensorFlow.js has none for (`DT_UINT64`). */
const UINT64 = 23;
/** TensorFlow's number for Philox among its generators. */
const PHILOX = 1;

/**
 * N(0, 1) in any shape; takes a stream from `random`.
 *
 * @param fused by our own kernel
 */
export function gaussian(shape: readonly number[], random: Generator, fused = nativeKernels()): Tensor {
  const stream = random.stream();
  return tf.tidy(() =>
    fused
      ? executeOne('ModalmixGaussian', [], [tf.tensor1d([...shape], 'int32'), wordsOf(stream)])
      : gaussianByOperators(shape, stream),
  );
}

/**
 * factor · x + N(0, (std(x) + minimum)²), std with Bessel's correction; takes a stream from `random`.
 *
 * @param fused by our own kernel, in two passes over x
 */
export function withNoise(
  x: Tensor,
  factor: number,
  minimum: number,
  random: Generator,
  fused = nativeKernels(),
): Tensor {
  const stream = random.stream();
  return tf.tidy(() => {
    if (fused) {
      return executeOne('ModalmixAddNoise', [], [x, wordsOf(stream), tf.tensor1d([factor, minimum])]);
    }
    const { variance } = tf.moments(x);
    const deviation = tf.add(tf.sqrt(tf.mul(variance, x.size / Math.max(1, x.size - 1))), minimum);
    return tf.add(tf.mul(x, factor), tf.mul(gaussianByOperators(x.shape, stream), deviation));
  });
}

function wordsOf({ key, counter }: Stream): Tensor {
  return tf.tensor1d(
    [...key, ...counter].map((word) => word | 0),
    'int32',
  );
}

function gaussianByOperators(shape: readonly number[], stream: Stream): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const perGroup = GROUPED_BLOCKS * WORDS;
  const groups = Math.ceil(size / perGroup);
  const words = tf.transpose(
    tf.reshape(philoxWords(groups * perGroup, stream), [groups, GROUPED_BLOCKS, WORDS]),
    [0, 2, 1],
  ); // [groups, words, blocks]
  const word = (place: number) => tf.slice(words, [0, place, 0], [groups, 1, GROUPED_BLOCKS]);
  const pairs = [0, 2].flatMap((place) => {
    const kept = executeOne(
      'BitwiseAnd',
      [attribute.int32('T')],
      [word(place), tf.scalar(0x7fffffff, 'int32')],
    );
    const share = tf.mul(tf.add(tf.cast(kept, 'float32'), 0.5), 2 ** -31); // (0, 1]
    const radius = tf.sqrt(tf.mul(tf.log(share), -2));
    const angle = tf.mul(tf.cast(word(place + 1), 'float32'), (2 * Math.PI) / 2 ** 32);
    return [tf.mul(radius, tf.cos(angle)), tf.mul(radius, tf.sin(angle))];
  });
  return tf.reshape(tf.slice(tf.reshape(tf.concat(pairs, 1), [-1]), 0, size), [...shape]);
}

/** The words of blocks 0, 1, … as signed integers. */
function philoxWords(count: number, { key, counter }: Stream): Tensor {
  // On bare handles: TensorFlow.js has no unsigned words of 64 bits.
  const wide = (words: readonly number[]): Handle => {
    const narrow = int32(
      words.map((word) => word | 0),
      [words.length / 2, 2],
    );
    const attributes = [attribute.int32('T'), { ...attribute.int32('type'), value: UINT64 }];
    const joined = runOne('Bitcast', attributes, [narrow]);
    release(narrow);
    return joined;
  };
  const inputs = [int32([count]), wide(key), wide(counter), int32([PHILOX], [])];
  const attributes = [attribute.int32('dtype'), attribute.int32('Tshape')];
  const { id, shape } = runOne('StatelessRandomUniformFullIntV2', attributes, inputs);
  release(...inputs);
  return backend.createOutputTensor({ id, shape: [...shape], dtype: backend.binding.TF_INT32 });
}
