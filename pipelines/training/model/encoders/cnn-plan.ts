/**
 * A small convolutional network for quick runs: four convolutions, which halve the picture and double the channels,
 * and a pooling after the first. It sees as coarsely as a ResNet (1/32) with an eighth
 * of ResNet-18's multiplications at the same width.
 */
import { convolutionNorm, type EncoderPlan } from '../../../engine/network/plan.ts';

export interface CnnOptions {
  /** Channels of the first convolution. */
  readonly width: number;
  /** Channels of the images. */
  readonly channels: number;
}

/** Feature size: 8·width. */
export function planCnn({ width, channels }: CnnOptions): EncoderPlan {
  const layer = (index: number, size: number, from: number, to: number) =>
    convolutionNorm(
      { convolution: `conv${String(index)}`, norm: `bn${String(index)}` },
      { size, stride: 2, from, to, relu: true },
    );
  return {
    channels,
    layers: [
      layer(1, 5, channels, width), // [N, ⌈H/2⌉, ⌈W/2⌉, width]
      { kind: 'max-pool', size: 3, stride: 2, pad: 1 }, // [N, ⌈H/4⌉, ⌈W/4⌉, width]
      layer(2, 3, width, 2 * width),
      layer(3, 3, 2 * width, 4 * width),
      layer(4, 3, 4 * width, 8 * width), // [N, ⌈H/32⌉, ⌈W/32⌉, 8·width]
    ],
    featureSize: 8 * width,
  };
}
