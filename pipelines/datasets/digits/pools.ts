/**
 * What the digits are spoken and drawn with, and which of it the training clips never use: the test asks
 * for new speakers and new typefaces, not for remembered ones.
 */
import type { Split } from '../../../schemas/clip.ts';

/** The class names, in the order of the labels: the words that are spoken. */
export const DIGIT_WORDS = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
] as const;

export interface Voice {
  /** Its name in ffmpeg's `flite` filter. */
  readonly name: string;
  readonly sampleRateHz: number;
  /** RMS of its spoken digits (mean of the ten, full scale is 1), to set all voices to one level. */
  readonly rms: number;
}

const AWB: Voice = { name: 'awb', sampleRateHz: 16_000, rms: 0.0741 };
const KAL: Voice = { name: 'kal', sampleRateHz: 8_000, rms: 0.0896 };
const KAL16: Voice = { name: 'kal16', sampleRateHz: 16_000, rms: 0.0305 };
const RMS: Voice = { name: 'rms', sampleRateHz: 16_000, rms: 0.0784 };
const SLT: Voice = { name: 'slt', sampleRateHz: 16_000, rms: 0.1223 };

/** `kal` and `kal16` are one speaker, so they stay on one side. */
export const VOICES: Readonly<Record<Exclude<Split, 'validation'>, readonly Voice[]>> = {
  train: [KAL, KAL16, AWB, SLT],
  test: [RMS],
};

/** Font files by name; DejaVu and Liberation to learn from, FreeFont to be asked with. */
export const FONTS: Readonly<Record<Exclude<Split, 'validation'>, readonly string[]>> = {
  train: [
    'DejaVuSans.ttf',
    'DejaVuSans-Bold.ttf',
    'DejaVuSansMono-Bold.ttf',
    'DejaVuSerif.ttf',
    'DejaVuSerif-Bold.ttf',
    'LiberationSans-Regular.ttf',
    'LiberationSans-Bold.ttf',
    'LiberationMono-Bold.ttf',
    'LiberationSerif-Regular.ttf',
    'LiberationSerif-Bold.ttf',
  ],
  test: ['FreeSans.ttf', 'FreeSansBold.ttf', 'FreeMonoBold.ttf', 'FreeSerif.ttf', 'FreeSerifBold.ttf'],
};

/** Debian's packages that hold these fonts, for set-up. */
export const DIGIT_FONT_PACKAGES = ['fonts-dejavu-core', 'fonts-liberation', 'fonts-freefont-ttf'] as const;
