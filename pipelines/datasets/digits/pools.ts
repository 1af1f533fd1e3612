/**
 * The words of the digits and what they are drawn with; which typefaces the training clips never use: the test asks
 * for new ones, not for remembered ones. Who speaks is in `voices.ts`.
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
