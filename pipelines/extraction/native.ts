/** Our own functions for sound (`native/`), compiled by set-up; without them the same is done in JavaScript, slower. */
import { nativeAddon } from '../process/native-addon.ts';

export interface SoundKernels {
  /**
   * Writes log(|STFT| + offset) as `logSpectrogramPlainly` does.
   * @param samples finite
   * @param table the cosine and the negative sine of each of nFft parts of a turn
   * @param window as long as the transform, a power of two
   * @param out frequency-major, (nFft / 2 + 1) × (1 + floor(samples / hop))
   */
  logSpectrogram(
    samples: Float32Array,
    table: Float64Array,
    window: Float64Array,
    hop: number,
    offset: number,
    out: Float32Array,
  ): void;
}

const addon = nativeAddon<SoundKernels>('sound_kernels', {
  without: 'spectrograms are made slower',
  setup: 'npm run setup',
});

/** Where set-up puts the library. */
export const SOUND_KERNELS_PATH = addon.path;

/** Undefined: they are not compiled, or not for this machine. */
export const soundKernels = addon.load;
