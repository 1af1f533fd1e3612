/**
 * Where points lie before a layout: on their two principal axes, as umap-learn's `init="pca"`. A start that
 * already shows the large groups keeps them apart (Kobak and Linderman, Nature Biotechnology 39, 2021).
 */
import { randomGenerator, type Generator } from '../../random/generator.ts';
import { tf } from '../../training/tensorflow.ts';
import type { Points } from './points.ts';

const POWER_STEPS = 20;
/** The layout starts within 0…`EXTENT` on either axis. */
const EXTENT = 10;
/** Parts points that lie on each other. */
const JITTER = 1e-4;

/** @returns [x, y] of each point, one after the other */
export function startOnPrincipalAxes(points: Points, seed: number, purpose: string): Float64Array {
  const generator = randomGenerator(seed, `${purpose}/start`);
  const scores = principalScores(points, generator);
  const largest = scores.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const places = Float64Array.from(
    scores,
    (score) => (largest > 0 ? (EXTENT * score) / largest : 0) + JITTER * generator.normal(),
  );
  for (const axis of [0, 1]) spread(places, axis);
  return places;
}

/** Orthogonal iteration on the covariance. */
function principalScores({ count, size, values }: Points, generator: Generator): Float32Array {
  return tf.tidy(() => {
    const raw = tf.tensor2d(values, [count, size]);
    const centred = raw.sub(raw.mean(0, true));
    const covariance = tf.matMul(centred, centred, true, false);
    let axes = Float32Array.from({ length: size * 2 }, () => generator.normal());
    for (let step = 0; step < POWER_STEPS; step += 1) {
      const product = tf.tidy(() =>
        tf.matMul(covariance, tf.tensor2d(orthonormal(axes), [size, 2])).dataSync(),
      );
      axes = Float32Array.from(product);
    }
    return tf.matMul(centred, tf.tensor2d(orthonormal(axes), [size, 2])).dataSync<'float32'>();
  });
}

/** Gram–Schmidt on the two columns of a [size, 2] matrix; a column without length becomes 0. */
function orthonormal(axes: Float32Array): Float32Array {
  const columns = [0, 1].map((column) =>
    Float64Array.from({ length: axes.length / 2 }, (_, d) => axes[2 * d + column]!),
  );
  const [first, second] = [unit(columns[0]!), columns[1]!];
  const along = first.reduce((sum, value, d) => sum + value * second[d]!, 0);
  const rest = unit(second.map((value, d) => value - along * first[d]!));
  return axes.map((_, i) => (i % 2 === 0 ? first : rest)[i >> 1]!);
}

function unit(column: Float64Array): Float64Array {
  const length = Math.hypot(...column);
  return column.map((value) => (length > 0 ? value / length : 0));
}

function spread(places: Float64Array, axis: number): void {
  const own = places.filter((_, i) => i % 2 === axis);
  const low = own.reduce((a, b) => Math.min(a, b), Infinity);
  const high = own.reduce((a, b) => Math.max(a, b), -Infinity);
  for (let i = axis; i < places.length; i += 2) {
    places[i] = high > low ? (EXTENT * (places[i]! - low)) / (high - low) : EXTENT / 2;
  }
}
