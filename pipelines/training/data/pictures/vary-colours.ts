/** torchvision's ColorJitter on pictures as floats. Every number drawn follows from the generator given. */
import type { TrainingConfig } from '../../../../schemas/config/training-config.ts';
import type { Generator } from '../../../random/generator.ts';
import type { View } from '../augment.ts';
import { renderView, type Pictures, type PixelScale } from './render-view.ts';

export type ColourAugment = NonNullable<TrainingConfig['augment']['colour']>;

/** A change of colours, with its factor; `hue` is a turn in shares of the circle. */
export interface ColourChange {
  readonly kind: 'brightness' | 'contrast' | 'saturation' | 'hue';
  readonly factor: number;
}

const KINDS = ['brightness', 'contrast', 'saturation', 'hue'] as const;
/** ITU-R 601-2, as torchvision's and Pillow's grey. */
const GREY = [0.2989, 0.587, 0.114] as const;

/**
 * The changes of one clip, in random order: brightness, contrast and saturation by a factor uniform in
 * [max(0, 1 − x), 1 + x], hue turned by a share of the circle uniform in ± x.
 */
export function drawColours(random: Generator, augment: ColourAugment): ColourChange[] {
  const order = [...random.permutation(KINDS.length)].map((place) => KINDS[place]!);
  return order.flatMap((kind) => {
    const most = augment[kind];
    if (most === undefined) return [];
    const [low, high] = kind === 'hue' ? [-most, most] : [Math.max(0, 1 - most), 1 + most];
    return [{ kind, factor: low + (high - low) * random.uniform() }];
  });
}

const UNSCALED = { mean: [0, 0, 0], std: [1, 1, 1] };

/** `renderView` of pictures in colour, which are changed before they are normalised. */
export function renderColours(
  pictures: Pictures,
  view: View,
  side: number,
  { mean, std }: PixelScale,
  changes: readonly ColourChange[],
  out: Float32Array,
): void {
  renderView(pictures, view, side, UNSCALED, out);
  changeColours(out, side * side, changes);
  for (let c = 0; c < 3; c += 1) {
    const [shift, factor] = [mean[c] ?? 0, 1 / (std[c] || 1)];
    for (let i = c; i < out.length; i += 3) out[i] = (out[i]! - shift) * factor;
  }
}

/**
 * Applies the changes to each picture, one after the other; values stay within 0…255.
 *
 * @param values 0…255, [pictures × pixels × 3], red, green, blue; written to
 * @param pixels of a picture: the mean grey that contrast is about is each picture's own
 */
export function changeColours(values: Float32Array, pixels: number, changes: readonly ColourChange[]): void {
  for (let first = 0; first < values.length; first += 3 * pixels) {
    const picture = values.subarray(first, first + 3 * pixels);
    for (const { kind, factor } of changes) APPLY[kind](picture, factor);
  }
}

const APPLY: Readonly<Record<ColourChange['kind'], (picture: Float32Array, factor: number) => void>> = {
  brightness: (picture, factor) => {
    for (let i = 0; i < picture.length; i += 1) picture[i] = clamped(factor * picture[i]!);
  },
  contrast: (picture, factor) => {
    let sum = 0;
    for (let i = 0; i < picture.length; i += 3) sum += greyOf(picture, i);
    const rest = ((1 - factor) * sum * 3) / picture.length;
    for (let i = 0; i < picture.length; i += 1) picture[i] = clamped(factor * picture[i]! + rest);
  },
  saturation: (picture, factor) => {
    for (let i = 0; i < picture.length; i += 3) {
      const rest = (1 - factor) * greyOf(picture, i);
      for (let c = i; c < i + 3; c += 1) picture[c] = clamped(factor * picture[c]! + rest);
    }
  },
  hue: turnHue,
};

function greyOf(picture: Float32Array, at: number): number {
  return GREY[0] * picture[at]! + GREY[1] * picture[at + 1]! + GREY[2] * picture[at + 2]!;
}

function clamped(value: number): number {
  // Halves the time that Math.min and Math.max take.
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** By way of hue, saturation and value, of which only the hue is changed. */
function turnHue(picture: Float32Array, turn: number): void {
  for (let i = 0; i < picture.length; i += 3) {
    const [red, green, blue] = [picture[i]!, picture[i + 1]!, picture[i + 2]!];
    const most = Math.max(red, green, blue);
    const range = most - Math.min(red, green, blue);
    if (range === 0) continue;
    // In sixths of the circle.
    const hue =
      most === red
        ? (green - blue) / range
        : most === green
          ? 2 + (blue - red) / range
          : 4 + (red - green) / range;
    const turned = hue + 6 * turn;
    picture[i] = channelOf(turned + 5, most, range);
    picture[i + 1] = channelOf(turned + 3, most, range);
    picture[i + 2] = channelOf(turned + 1, most, range);
  }
}

/** A channel of a hue: full within a sixth on either side of its own, none beyond two. @param at of any size */
function channelOf(at: number, most: number, range: number): number {
  const place = at - 6 * Math.floor(at / 6);
  return most - range * Math.max(0, Math.min(place, 4 - place, 1));
}
