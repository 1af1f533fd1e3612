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

/**
 * Of npm's `@fontsource` packages (each font under its own licence, OFL-1.1 or Bitstream Vera's): DejaVu, and Arimo,
 * Tinos and Cousine, which Liberation is made from, to learn from; IBM Plex to be asked with.
 */
export const PACKAGED_FONTS: typeof FONTS = {
  train: [
    'dejavu-sans-latin-400-normal.woff',
    'dejavu-sans-latin-700-normal.woff',
    'dejavu-mono-latin-700-normal.woff',
    'dejavu-serif-latin-400-normal.woff',
    'dejavu-serif-latin-700-normal.woff',
    'arimo-latin-400-normal.woff',
    'arimo-latin-700-normal.woff',
    'cousine-latin-700-normal.woff',
    'tinos-latin-400-normal.woff',
    'tinos-latin-700-normal.woff',
  ],
  test: [
    'ibm-plex-sans-latin-400-normal.woff',
    'ibm-plex-sans-latin-700-normal.woff',
    'ibm-plex-mono-latin-700-normal.woff',
    'ibm-plex-serif-latin-400-normal.woff',
    'ibm-plex-serif-latin-700-normal.woff',
  ],
};

/** Debian's packages that hold these fonts, for set-up. */
export const DIGIT_FONT_PACKAGES = ['fonts-dejavu-core', 'fonts-liberation', 'fonts-freefont-ttf'] as const;
