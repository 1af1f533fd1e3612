/**
 * An encoder as data: what it computes, and what its parameters are called, without computing anything. Every engine
 * that runs, compiles, loads or exports an encoder reads it from here.
 *
 * Images [N, H, W, C] go through the layers in order; the mean over H and W of the last layer is the feature [N, D].
 * Names are torchvision's and relative to the encoder's (`<modality>.`).
 */

export interface EncoderPlan {
  /** C, channels of the images. */
  readonly channels: number;
  readonly layers: readonly LayerPlan[];
  /** D, channels of the last layer. */
  readonly featureSize: number;
}

export type LayerPlan = ConvolutionNormPlan | MaxPoolPlan | ResidualPlan;

/**
 * A convolution without bias, batch normalisation, and a relu where `relu` says so. Parameters:
 * `<convolution>.weight` [size, size, from, to], `<norm>.weight`, `<norm>.bias` [to]; tracked:
 * `<norm>.running_mean`, `<norm>.running_var` [to].
 */
export interface ConvolutionNormPlan {
  readonly kind: 'convolution-norm';
  /** Name of the convolution. */
  readonly convolution: string;
  /** Name of the normalisation. */
  readonly norm: string;
  /** Side of the square filter. */
  readonly size: number;
  readonly stride: number;
  /** Zeros on each of the four sides (PyTorch's symmetric padding). */
  readonly pad: number;
  /** Channels of the input. */
  readonly from: number;
  /** Channels of the output. */
  readonly to: number;
  readonly relu: boolean;
}

export interface MaxPoolPlan {
  readonly kind: 'max-pool';
  readonly size: number;
  readonly stride: number;
  /** On each of the four sides, with values that never win. */
  readonly pad: number;
}

/** relu(branch(x) + shortcut(x)); without a shortcut relu(branch(x) + x). */
export interface ResidualPlan {
  readonly kind: 'residual';
  /** Name of the block. */
  readonly name: string;
  /** In order; the last has no relu. */
  readonly branch: readonly ConvolutionNormPlan[];
  /** Where the shape changes: 1×1, no relu. */
  readonly shortcut?: ConvolutionNormPlan;
}

/** A convolution whose output has ⌈input / stride⌉ rows and columns. */
export function convolutionNorm(
  names: { readonly convolution: string; readonly norm: string },
  shape: Pick<ConvolutionNormPlan, 'size' | 'stride' | 'from' | 'to' | 'relu'>,
): ConvolutionNormPlan {
  return { kind: 'convolution-norm', ...names, ...shape, pad: (shape.size - 1) / 2 };
}

/** Every convolution with its normalisation, in the order in which parameters are created: a shortcut after its branch. */
export function convolutionNorms({ layers }: EncoderPlan): ConvolutionNormPlan[] {
  return layers.flatMap((layer) => {
    switch (layer.kind) {
      case 'convolution-norm':
        return [layer];
      case 'max-pool':
        return [];
      case 'residual':
        return layer.shortcut === undefined ? layer.branch : [...layer.branch, layer.shortcut];
    }
  });
}
