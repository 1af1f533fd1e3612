/** A part of a picture as normalised numbers: by compiled code where set-up has made it, to the same bits without it. */
import type { View } from '../augment.ts';
import { pictureKernels } from './native.ts';

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

const MOST_NATIVE_CHANNELS = 3;

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
  const native = pictures.shape[3] <= MOST_NATIVE_CHANNELS ? pictureKernels() : undefined;
  if (native === undefined) {
    renderViewPlainly(pictures, view, side, scale, out);
    return;
  }
  const { data, shape } = pictures;
  const { rows, columns, scales } = placesOf(pictures, view, side, scale);
  native.renderPictures(
    data,
    Int32Array.from(shape),
    rows.places,
    rows.weights,
    columns.places,
    columns.weights,
    scales,
    out,
  );
}

/** The same values to the last bit, without anything compiled. */
export function renderViewPlainly(
  pictures: Pictures,
  view: View,
  side: number,
  scale: PixelScale,
  out: Float32Array,
): void {
  const { data, shape } = pictures;
  const [frames, height, width, channels] = shape;
  const { rows, columns, scales } = placesOf(pictures, view, side, scale);
  let at = 0;
  for (let t = 0; t < frames; t += 1) {
    const frame = t * height * width * channels;
    for (let y = 0; y < side; y += 1) {
      const upper = frame + rows.places[y]! * width * channels;
      const lower = frame + rows.places[side + y]! * width * channels;
      const wy = rows.weights[y]!;
      for (let x = 0; x < side; x += 1) {
        const left = columns.places[x]! * channels;
        const right = columns.places[side + x]! * channels;
        const wx = columns.weights[x]!;
        for (let c = 0; c < channels; c += 1) {
          const a = data[upper + left + c]!;
          const b = data[upper + right + c]!;
          const d = data[lower + left + c]!;
          const e = data[lower + right + c]!;
          const top = a + (b - a) * wx;
          const value = top + (d + (e - d) * wx - top) * wy;
          out[at] = value * scales[c]! + scales[channels + c]!;
          at += 1;
        }
      }
    }
  }
}

/** (value − mean) / std of sound. @param data at least as long as `out` */
export function normalise(data: Float32Array, { mean, std }: PixelScale, out: Float32Array): void {
  const shift = mean[0] ?? 0;
  const factor = 1 / (std[0] || 1);
  const native = pictureKernels();
  if (native === undefined) normalisePlainly(data, shift, factor, out);
  else native.normalise(data, shift, factor, out);
}

/** The same values to the last bit, without anything compiled. */
export function normalisePlainly(data: Float32Array, shift: number, factor: number, out: Float32Array): void {
  for (let i = 0; i < out.length; i += 1) out[i] = (data[i]! - shift) * factor;
}

interface Places {
  /** For each output place, the input pixel before it; then for each the one behind it. */
  readonly places: Int32Array;
  /** Of the pixels behind. */
  readonly weights: Float64Array;
}

/** Where each output pixel comes from, and by what its channels are multiplied; then what is added to them. */
function placesOf({ shape }: Pictures, view: View, side: number, scale: PixelScale) {
  const [, height, width, channels] = shape;
  const scales = new Float64Array(2 * channels);
  for (let c = 0; c < channels; c += 1) {
    const mirror = view.flipped ? scale.mirroredAround?.[c] : undefined;
    const mean = scale.mean[c] ?? 0;
    const deviation = scale.std[c] || 1;
    scales[c] = (mirror === undefined ? 1 : -1) / deviation;
    scales[channels + c] = ((mirror === undefined ? 0 : 2 * mirror) - mean) / deviation;
  }
  return {
    rows: samplePlaces(view.top * height, view.height * height, side, false),
    columns: samplePlaces(view.left * width, view.width * width, side, view.flipped),
    scales,
  };
}

function samplePlaces(start: number, length: number, side: number, reversed: boolean): Places {
  const places = new Int32Array(2 * side);
  const weights = new Float64Array(side);
  const first = Math.round(start);
  const last = Math.max(first, Math.round(start + length) - 1);
  for (let i = 0; i < side; i += 1) {
    const place = first + ((i + 0.5) * (last - first + 1)) / side - 0.5;
    const inside = Math.min(Math.max(place, first), last);
    const to = reversed ? side - 1 - i : i;
    places[to] = Math.floor(inside);
    places[side + to] = Math.min(last, Math.floor(inside) + 1);
    weights[to] = inside - Math.floor(inside);
  }
  return { places, weights };
}
