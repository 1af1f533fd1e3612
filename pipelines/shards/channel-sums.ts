/** Sums over a modality's values, from which mean and deviation per channel follow. */
import type { ChannelSums, Normalisation } from '../../schemas/manifest.ts';

/** A constant channel has no deviation; this keeps a division by it finite. */
const LEAST_DEVIATION = 1e-6;

/** @param data channel-last, `channels` values a point */
export function sumChannels(data: Float32Array | Uint8Array, channels: number): ChannelSums {
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
  return { count: data.length / channels, sum, sumOfSquares };
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
