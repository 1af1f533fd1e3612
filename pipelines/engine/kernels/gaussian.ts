/**
 * Normal random tensors: pure functions of a generator's stream (`pipelines/random`), by Box and Muller's transform of
 * Philox' words. Our own kernel, TensorFlow's operators and the processor draw the same words; what they make of them
 * differs by rounding.
 */
import type { Generator, Stream } from '../../random/generator.ts';
import { philoxBlocks } from '../../random/philox.ts';
import { attribute, backend, executeOne, tf, webgpu, type Tensor } from '../tensorflow.ts';
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
      : gaussianByParts(shape, stream),
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
    return tf.add(tf.mul(x, factor), tf.mul(gaussianByParts(x.shape, stream), deviation));
  });
}

function wordsOf({ key, counter }: Stream): Tensor {
  return tf.tensor1d(
    [...key, ...counter].map((word) => word | 0),
    'int32',
  );
}

/** By whoever can draw the words. */
function gaussianByParts(shape: readonly number[], stream: Stream): Tensor {
  return webgpu === undefined ? gaussianByOperators(shape, stream) : gaussianByProcessor(shape, stream);
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

/** Number by number, then brought to the GPU. */
function gaussianByProcessor(shape: readonly number[], { key, counter }: Stream): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const perGroup = GROUPED_BLOCKS * WORDS;
  const words = new Uint32Array(Math.ceil(size / perGroup) * perGroup);
  philoxBlocks(words, counter, key);
  const numbers = new Float32Array(words.length);
  for (let first = 0; first < words.length; first += WORDS) {
    const group = first - (first % perGroup);
    const block = (first - group) / WORDS;
    for (let pair = 0; pair < WORDS; pair += 2) {
      const share = ((words[first + pair]! & 0x7fffffff) + 0.5) * 2 ** -31; // (0, 1]
      const radius = Math.sqrt(-2 * Math.log(share));
      const angle = (words[first + pair + 1]! | 0) * ((2 * Math.PI) / 2 ** 32);
      const at = group + pair * GROUPED_BLOCKS + block;
      numbers[at] = radius * Math.cos(angle);
      numbers[at + GROUPED_BLOCKS] = radius * Math.sin(angle);
    }
  }
  return tf.tensor(numbers.subarray(0, size), [...shape]);
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
