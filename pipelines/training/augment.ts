/** Crops and flips of pictures: which part of a picture is used, and its pixels as normalised numbers. */
import type { TrainingConfig } from '../../schemas/config.ts';
import type { Generator } from '../random/generator.ts';

/** A box in shares of the picture's width and height, so that it fits rgb and flow of any size alike. */
export interface View {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly flipped: boolean;
}

/** Aspect ratios of torchvision's RandomResizedCrop. */
const ASPECT = [3 / 4, 4 / 3] as const;
const ATTEMPTS = 10;

/**
 * torchvision's RandomResizedCrop (area ~ U(minScale, 1), log aspect uniform, 10 attempts, else the centre) and a
 * flip with probability ½. One view serves all frames and all pictures of a clip.
 */
export function randomView(
  random: Generator,
  height: number,
  width: number,
  augment: TrainingConfig['augment'],
): View {
  const box = randomBox(random, height, width, augment.cropMinScale);
  const flipped = augment.flip && random.uniform() < 0.5;
  return {
    left: box.left / width,
    top: box.top / height,
    width: box.width / width,
    height: box.height / height,
    flipped,
  };
}

function randomBox(random: Generator, height: number, width: number, minScale: number) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const area = height * width * (minScale + (1 - minScale) * random.uniform());
    const logAspect = Math.log(ASPECT[0]) + (Math.log(ASPECT[1]) - Math.log(ASPECT[0])) * random.uniform();
    const aspect = Math.exp(logAspect);
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      return {
        top: random.integer(height - h + 1),
        left: random.integer(width - w + 1),
        height: h,
        width: w,
      };
    }
  }
  const w = Math.min(width, Math.round(height * ASPECT[1]));
  const h = Math.min(height, Math.round(width / ASPECT[0]));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/** The square of `side` pixels in the middle, or the largest there is. */
export function centreView(height: number, width: number, side: number): View {
  const fitting = Math.min(side, height, width);
  return {
    left: Math.floor((width - fitting) / 2) / width,
    top: Math.floor((height - fitting) / 2) / height,
    width: fitting / width,
    height: fitting / height,
    flipped: false,
  };
}

export interface Pictures {
  /** 0…255, [T, H, W, C] */
  readonly data: Uint8Array;
  readonly shape: readonly [number, number, number, number];
}

export interface PixelScale {
  /** Per channel, in 0…255. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Of channels whose sign turns when a picture is mirrored (u of flow): the value that means 0. */
  readonly mirroredAround?: readonly (number | undefined)[];
}

/**
 * Cuts `view` out of every frame, resizes it to side × side (bilinear between pixel centres, edges repeated) and
 * writes (value − mean) / std.
 *
 * @param out [T, side, side, C]
 */
export function renderView(
  pictures: Pictures,
  view: View,
  side: number,
  scale: PixelScale,
  out: Float32Array,
): void {
  const { data, shape } = pictures;
  const [frames, height, width, channels] = shape;
  const rows = samplePoints(view.top * height, view.height * height, side, false);
  const columns = samplePoints(view.left * width, view.width * width, side, view.flipped);
  const factor = new Float64Array(channels);
  const shift = new Float64Array(channels);
  for (let c = 0; c < channels; c += 1) {
    const mirror = view.flipped ? scale.mirroredAround?.[c] : undefined;
    const mean = scale.mean[c] ?? 0;
    const deviation = scale.std[c] || 1;
    factor[c] = (mirror === undefined ? 1 : -1) / deviation;
    shift[c] = ((mirror === undefined ? 0 : 2 * mirror) - mean) / deviation;
  }
  let at = 0;
  for (let t = 0; t < frames; t += 1) {
    const frame = t * height * width * channels;
    for (let y = 0; y < side; y += 1) {
      const upper = frame + rows.low[y]! * width * channels;
      const lower = frame + rows.high[y]! * width * channels;
      const wy = rows.weight[y]!;
      for (let x = 0; x < side; x += 1) {
        const left = columns.low[x]! * channels;
        const right = columns.high[x]! * channels;
        const wx = columns.weight[x]!;
        for (let c = 0; c < channels; c += 1) {
          const a = data[upper + left + c]!;
          const b = data[upper + right + c]!;
          const d = data[lower + left + c]!;
          const e = data[lower + right + c]!;
          const top = a + (b - a) * wx;
          const value = top + (d + (e - d) * wx - top) * wy;
          out[at] = value * factor[c]! + shift[c]!;
          at += 1;
        }
      }
    }
  }
}

/** For each output place, the two input pixels around it and the second one's weight. */
function samplePoints(start: number, length: number, side: number, reversed: boolean) {
  const low = new Int32Array(side);
  const high = new Int32Array(side);
  const weight = new Float64Array(side);
  const first = Math.round(start);
  const last = Math.max(first, Math.round(start + length) - 1);
  for (let i = 0; i < side; i += 1) {
    const place = first + ((i + 0.5) * (last - first + 1)) / side - 0.5;
    const inside = Math.min(Math.max(place, first), last);
    const to = reversed ? side - 1 - i : i;
    low[to] = Math.floor(inside);
    high[to] = Math.min(last, Math.floor(inside) + 1);
    weight[to] = inside - Math.floor(inside);
  }
  return { low, high, weight };
}
