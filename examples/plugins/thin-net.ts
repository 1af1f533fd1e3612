/** An encoder: three convolutions, each halving the picture; the feature has 4 × width numbers. */
import type { Plugin } from 'modalmix';

export default {
  settings: {
    parse: (given) => {
      const { width = 8 } = given as { width?: number };
      if (!Number.isInteger(width) || width < 1)
        throw new Error(`width is ${String(width)}; it must be a whole number`);
      return { width };
    },
  },
  encoders: {
    'x-thin-net': (kit, { width }, channels) => {
      const sizes = [channels, width, 2 * width, 4 * width];
      return {
        channels,
        layers: [0, 1, 2].map((at) =>
          kit.convolutionNorm(
            { convolution: `conv${String(at)}`, norm: `bn${String(at)}` },
            { size: 3, stride: 2, from: sizes[at]!, to: sizes[at + 1]!, relu: true },
          ),
        ),
        featureSize: 4 * width,
      };
    },
  },
} satisfies Plugin<{ readonly width: number }>;
