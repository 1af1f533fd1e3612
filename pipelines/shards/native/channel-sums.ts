/** Sums over a modality's values, from which mean and deviation per channel follow. */
import type { ChannelSums, Normalisation } from '../../../schemas/manifest.ts';
import { LEAST_DEVIATION } from '../../../schemas/shard.ts';
import { shardKernels } from './kernels.ts';

/** Squares of this many bytes add up to less than 2³². */
const EXACT_POINTS = 65_536;

const MOST_NATIVE_CHANNELS = 3;

/** @param data channel-last, `channels` values a point */
export function sumChannels(data: Float32Array | Uint8Array, channels: number): ChannelSums {
  const native = channels <= MOST_NATIVE_CHANNELS ? shardKernels() : undefined;
  if (native === undefined) return sumChannelsPlainly(data, channels);
  const sums = new Float64Array(2 * channels);
  native.sumChannels(data, channels, sums);
  return {
    count: data.length / channels,
    sum: [...sums.subarray(0, channels)],
    sumOfSquares: [...sums.subarray(channels)],
  };
}

/** The same numbers to the last bit, without anything compiled. */
export function sumChannelsPlainly(data: Float32Array | Uint8Array, channels: number): ChannelSums {
  const count = data.length / channels;
  if (data instanceof Uint8Array && channels === 3) return { count, ...sumThreeByteChannels(data) };
  const sum = new Array<number>(channels).fill(0);
  const sumOfSquares = new Array<number>(channels).fill(0);
  for (let channel = 0; channel < channels; channel += 1) {
    let total = 0;
    let squares = 0;
    for (let i = channel; i < data.length; i += channels) {
      const value = data[i] ?? 0;
      total += value;
      squares += value * value;
    }
    sum[channel] = total;
    sumOfSquares[channel] = squares;
  }
  return { count, sum, sumOfSquares };
}

/** The same numbers in one pass and whole-number arithmetic: pictures are most of a row's bytes. */
function sumThreeByteChannels(data: Uint8Array): Pick<ChannelSums, 'sum' | 'sumOfSquares'> {
  const sum = [0, 0, 0] as [number, number, number];
  const sumOfSquares = [0, 0, 0] as [number, number, number];
  for (let start = 0; start < data.length; start += 3 * EXACT_POINTS) {
    const end = Math.min(data.length, start + 3 * EXACT_POINTS);
    let [red, green, blue, redSquares, greenSquares, blueSquares] = [0, 0, 0, 0, 0, 0];
    for (let i = start; i < end; i += 3) {
      const [r, g, b] = [data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0];
      red = (red + r) | 0;
      green = (green + g) | 0;
      blue = (blue + b) | 0;
      redSquares = (redSquares + Math.imul(r, r)) | 0;
      greenSquares = (greenSquares + Math.imul(g, g)) | 0;
      blueSquares = (blueSquares + Math.imul(b, b)) | 0;
    }
    sum[0] += red;
    sum[1] += green;
    sum[2] += blue;
    // Above 2³¹ the 32-bit sum shows as negative.
    sumOfSquares[0] += redSquares >>> 0;
    sumOfSquares[1] += greenSquares >>> 0;
    sumOfSquares[2] += blueSquares >>> 0;
  }
  return { sum, sumOfSquares };
}

export function addSums(a: ChannelSums | undefined, b: ChannelSums): ChannelSums {
  if (a === undefined) return b;
  return {
    count: a.count + b.count,
    sum: a.sum.map((value, i) => value + (b.sum[i] ?? 0)),
    sumOfSquares: a.sumOfSquares.map((value, i) => value + (b.sumOfSquares[i] ?? 0)),
  };
}

/** Mean and population standard deviation per channel. */
export function normalisationOf({ count, sum, sumOfSquares }: ChannelSums): Normalisation {
  const mean = sum.map((total) => total / count);
  const std = sumOfSquares.map((squares, i) =>
    Math.max(LEAST_DEVIATION, Math.sqrt(Math.max(0, squares / count - (mean[i] ?? 0) ** 2))),
  );
  return { mean, std };
}
