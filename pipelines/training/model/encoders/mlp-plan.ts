/**
 * The encoder of vectors that were computed elsewhere: one or two linear layers, each with batch normalisation and a relu.
 * As a plan it is convolutions of size 1 over pictures of one pixel [N, 1, 1, D], so that every engine runs and exports it.
 */
import { convolutionNorm, type EncoderPlan } from '../../../engine/network/plan.ts';

export interface MlpOptions {
  /** D, the length of a vector. */
  readonly channels: number;
  /** Of the layer between; 0: there is none. */
  readonly hidden: number;
  readonly featureSize: number;
}

export function planMlp({ channels, hidden, featureSize }: MlpOptions): EncoderPlan {
  const sizes = [channels, ...(hidden === 0 ? [] : [hidden]), featureSize];
  const layers = sizes
    .slice(1)
    .map((to, i) =>
      convolutionNorm(
        { convolution: `conv${String(i + 1)}`, norm: `bn${String(i + 1)}` },
        { size: 1, stride: 1, from: sizes[i]!, to, relu: true },
      ),
    );
  return { channels, layers, featureSize };
}
