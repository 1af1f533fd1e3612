/** Count, sum and sum of squares a channel, from which mean and deviation follow. */
import type { ChannelSums } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';

const CHANNELS: Readonly<Record<Modality, number>> = { audio: 1, rgb: 3, flow: 2 };
const BYTE_VALUES = 256;

export function emptySums(modality: Modality): ChannelSums {
  const zeros = () => Array.from({ length: CHANNELS[modality] }, () => 0);
  return { count: 0, sum: zeros(), sumOfSquares: zeros() };
}

/** @param values channels innermost; bytes are counted exactly */
export function addToSums(sums: ChannelSums, values: Float32Array | Uint8Array): ChannelSums {
  const channels = sums.sum.length;
  const added = values instanceof Uint8Array ? byteSums(values, channels) : floatSums(values, channels);
  return {
    count: sums.count + values.length / channels,
    sum: sums.sum.map((sum, channel) => sum + added.sum[channel]!),
    sumOfSquares: sums.sumOfSquares.map((sum, channel) => sum + added.sumOfSquares[channel]!),
  };
}

interface Sums {
  readonly sum: number[];
  readonly sumOfSquares: number[];
}

/** By counting values: three times as quick as adding squares, and exact. */
function byteSums(values: Uint8Array, channels: number): Sums {
  const counts = new Uint32Array(channels * BYTE_VALUES);
  for (let i = 0; i < values.length; i += channels) {
    for (let channel = 0; channel < channels; channel += 1) {
      const place = channel * BYTE_VALUES + values[i + channel]!;
      counts[place] = counts[place]! + 1;
    }
  }
  const sum = Array.from({ length: channels }, () => 0);
  const sumOfSquares = Array.from({ length: channels }, () => 0);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let value = 0; value < BYTE_VALUES; value += 1) {
      const count = counts[channel * BYTE_VALUES + value]!;
      sum[channel]! += count * value;
      sumOfSquares[channel]! += count * value * value;
    }
  }
  return { sum, sumOfSquares };
}

function floatSums(values: Float32Array, channels: number): Sums {
  const sum = Array.from({ length: channels }, () => 0);
  const sumOfSquares = Array.from({ length: channels }, () => 0);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    sum[i % channels]! += value;
    sumOfSquares[i % channels]! += value * value;
  }
  return { sum, sumOfSquares };
}
