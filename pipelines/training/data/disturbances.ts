/** What a modality's normalised images are disturbed by when a model is judged: noise, blur, masked bands. */
import { randomGenerator } from '../../random/generator.ts';
import type { Images } from './batches.ts';
import { gaussian } from '../../engine/kernels/gaussian.ts';
import { tf, type Tensor4D } from '../../engine/tensorflow.ts';

export type Disturbance =
  /** Gaussian noise N(0, level²); the same seed and batches give the same noise. */
  | { readonly kind: 'noise'; readonly level: number; readonly seed: number }
  /** Gaussian blur of deviation `level` pixels. */
  | { readonly kind: 'blur'; readonly level: number }
  /** A band of frequencies and one of times, each this share of the spectrogram, set to the training mean. */
  | { readonly kind: 'mask'; readonly level: number; readonly seed: number };

/**
 * @param x [P·F, H, W, C]
 * @param rows of the split, one for each of the P clips
 */
export function disturb(
  x: Tensor4D,
  disturbance: Disturbance,
  purpose: string,
  rows: readonly number[],
): Tensor4D {
  switch (disturbance.kind) {
    case 'noise': {
      const random = randomGenerator(disturbance.seed, `noise/${purpose}`, 0, rows[0] ?? 0);
      return tf.add<Tensor4D>(x, tf.mul(gaussian(x.shape, random), disturbance.level));
    }
    case 'blur':
      return blur(x, disturbance.level);
    case 'mask':
      return tf.mul<Tensor4D>(x, bands(x.shape, disturbance.level, disturbance.seed, rows));
  }
}

/** Deviations after which the kernel ends, as in SciPy. */
const TRUNCATE = 4;

/**
 * Separable, each channel by itself, the picture mirrored at its edges (d c b a | a b c d): SciPy's
 * `gaussian_filter` with its defaults.
 */
export function blur(x: Tensor4D, sigma: number): Tensor4D {
  return tf.tidy(() => blurAxis(blurAxis(x, sigma, 1), sigma, 2));
}

function blurAxis(x: Tensor4D, sigma: number, axis: 1 | 2): Tensor4D {
  const channels = x.shape[3];
  const radius = Math.floor(TRUNCATE * sigma + 0.5);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  const kernel = tf.tile<Tensor4D>(
    tf.tensor4d(
      weights.map((weight) => weight / sum),
      axis === 1 ? [weights.length, 1, 1, 1] : [1, weights.length, 1, 1],
    ),
    [1, 1, channels, 1],
  );
  return tf.depthwiseConv2d<Tensor4D>(mirrored(x, radius, axis), kernel, 1, 'valid');
}

/** Padded by `radius` at both ends of an axis; a picture smaller than that is mirrored again and again. */
function mirrored(x: Tensor4D, radius: number, axis: 1 | 2): Tensor4D {
  const size = x.shape[axis];
  const places = Int32Array.from({ length: size + 2 * radius }, (_, i) => {
    const at = (((i - radius) % (2 * size)) + 2 * size) % (2 * size);
    return at < size ? at : 2 * size - 1 - at;
  });
  return tf.gather(x, tf.tensor1d(places, 'int32'), axis);
}

/** 0 within the bands, 1 elsewhere, [P, H, W, C]: as wide in every clip, at a place of its own. */
function bands(
  shape: readonly [number, number, number, number],
  share: number,
  seed: number,
  rows: readonly number[],
): Tensor4D {
  const [count, height, width, channels] = shape;
  const kept = new Float32Array(count * height * width * channels).fill(1);
  const [high, wide] = [Math.round(share * height), Math.round(share * width)];
  for (let clip = 0; clip < count; clip += 1) {
    const random = randomGenerator(seed, 'mask', 0, rows[clip] ?? 0);
    const top = random.integer(height - high + 1);
    const left = random.integer(width - wide + 1);
    for (let y = 0; y < height; y += 1) {
      for (let z = 0; z < width; z += 1) {
        if ((y < top || y >= top + high) && (z < left || z >= left + wide)) continue;
        const at = ((clip * height + y) * width + z) * channels;
        kept.fill(0, at, at + channels);
      }
    }
  }
  return tf.tensor4d(kept, [count, height, width, channels]);
}

/** Rows of the split whose clips' images these are. */
export function rowsOf(batchRows: Int32Array, images: Images | undefined): number[] {
  return Array.from(images?.rows ?? [], (place) => batchRows[place]!);
}
