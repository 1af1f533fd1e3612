/** Our own functions for pictures (`native/`), compiled by set-up; without them the same is done in JavaScript, slower. */
import { nativeAddon } from '../../../process/native-addon.ts';

export interface PictureKernels {
  /**
   * Resizes every frame, bilinear, and writes value · factor + shift.
   * @param data [T, H, W, C]
   * @param shape its T, H, W and C; C is 1 to 3
   * @param rows for each row of the output, the input's row above it, then for each the one below it
   * @param rowWeights of the rows below
   * @param columns likewise
   * @param scale the channels' factors, then their shifts
   * @param out [T, rows, columns, C]
   */
  renderPictures(
    data: Uint8Array,
    shape: Int32Array,
    rows: Int32Array,
    rowWeights: Float64Array,
    columns: Int32Array,
    columnWeights: Float64Array,
    scale: Float64Array,
    out: Float32Array,
  ): void;
  /** Writes (value − shift) · factor. @param data at least as long as `out` */
  normalise(data: Float32Array, shift: number, factor: number, out: Float32Array): void;
}

const addon = nativeAddon<PictureKernels>('picture_kernels', {
  without: 'crops and flips are made slower',
  setup: 'npm run setup',
});

/** Where set-up puts the library. */
export const PICTURE_KERNELS_PATH = addon.path;

/** Undefined: they are not compiled, or not for this machine. */
export const pictureKernels = addon.load;
