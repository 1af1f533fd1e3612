/**
 * Residual networks (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Table 1), without
 * the classifier: 7×7 convolution, pooling, four stages. Names and padding are torchvision's. As in torchvision,
 * a bottleneck strides in its 3×3 convolution ("ResNet v1.5"), not in its first 1×1 as the paper does.
 */
import type { ResNetDepth } from '../../../../schemas/config/encoder-config.ts';
import {
  convolutionNorm,
  type ConvolutionNormPlan,
  type EncoderPlan,
  type LayerPlan,
  type ResidualPlan,
} from '../../../engine/network/plan.ts';

export interface ResNetOptions {
  readonly depth: ResNetDepth;
  /** Channels of the first stage; they double with each. 64 is the network as published. */
  readonly width: number;
  /** Channels of the images. */
  readonly channels: number;
}

interface Architecture {
  readonly block: (name: string, shape: BlockShape) => ResidualPlan;
  /** Channels a block gives for each of its `width`. */
  readonly expansion: number;
  /** In each stage. */
  readonly blocks: readonly [number, number, number, number];
}

interface BlockShape {
  readonly from: number;
  /** Channels of its 3×3 convolutions. */
  readonly width: number;
  readonly to: number;
  readonly stride: number;
}

const ARCHITECTURES: Readonly<Record<ResNetDepth, Architecture>> = {
  18: { block: basic, expansion: 1, blocks: [2, 2, 2, 2] },
  34: { block: basic, expansion: 1, blocks: [3, 4, 6, 3] },
  50: { block: bottleneck, expansion: 4, blocks: [3, 4, 6, 3] },
};

/** Feature size: 8·width (18 and 34) or 32·width (50). */
export function planResNet({ depth, width, channels }: ResNetOptions): EncoderPlan {
  const { block, expansion, blocks } = ARCHITECTURES[depth];
  const layers: LayerPlan[] = [
    convolutionNorm(
      { convolution: 'conv1', norm: 'bn1' },
      { size: 7, stride: 2, from: channels, to: width, relu: true },
    ), // [N, ⌈H/2⌉, ⌈W/2⌉, width]
    { kind: 'max-pool', size: 3, stride: 2, pad: 1 }, // [N, ⌈H/4⌉, ⌈W/4⌉, width]
  ];
  let from = width;
  for (const [stage, count] of blocks.entries()) {
    const stageWidth = width * 2 ** stage;
    const to = expansion * stageWidth;
    for (let index = 0; index < count; index += 1) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      const name = `layer${String(stage + 1)}.${String(index)}`;
      layers.push(block(name, { from, width: stageWidth, to, stride }));
      from = to;
    }
  } // … [N, ⌈H/32⌉, ⌈W/32⌉, expansion·8·width]
  return { channels, layers, featureSize: from };
}

function basic(name: string, { from, width, to, stride }: BlockShape): ResidualPlan {
  return residual(
    name,
    [
      { size: 3, stride, from, to: width, relu: true },
      { size: 3, stride: 1, from: width, to, relu: false },
    ],
    { from, to, stride },
  );
}

function bottleneck(name: string, { from, width, to, stride }: BlockShape): ResidualPlan {
  return residual(
    name,
    [
      { size: 1, stride: 1, from, to: width, relu: true },
      { size: 3, stride, from: width, to: width, relu: true },
      { size: 1, stride: 1, from: width, to, relu: false },
    ],
    { from, to, stride },
  );
}

type Shape = Pick<ConvolutionNormPlan, 'size' | 'stride' | 'from' | 'to' | 'relu'>;

function residual(
  name: string,
  branch: readonly Shape[],
  { from, to, stride }: Pick<BlockShape, 'from' | 'to' | 'stride'>,
): ResidualPlan {
  const layers = branch.map((shape, index) =>
    convolutionNorm(
      { convolution: `${name}.conv${String(index + 1)}`, norm: `${name}.bn${String(index + 1)}` },
      shape,
    ),
  );
  if (stride === 1 && from === to) return { kind: 'residual', name, branch: layers };
  const shortcut = convolutionNorm(
    { convolution: `${name}.downsample.0`, norm: `${name}.downsample.1` },
    { size: 1, stride, from, to, relu: false },
  );
  return { kind: 'residual', name, branch: layers, shortcut };
}
