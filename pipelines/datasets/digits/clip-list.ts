/** `clips.csv`: every clip of the embedded data with all its parameters. Written last. */
import { DIGIT_WORDS } from './pools.ts';
import { digitFileName, type DigitClip } from './plan-digits.ts';

export const CLIP_LIST = 'clips.csv';
export const CLIP_FOLDER = 'clips';

/** One line a clip after the header; a comma never stands in a value. */
export function clipListText(clips: readonly DigitClip[]): string {
  const rows = clips.map((clip) => {
    const { clipId, split, digit, ...parameters } = clip;
    return {
      id: clipId,
      path: `${CLIP_FOLDER}/${digitFileName(clip)}`,
      label: DIGIT_WORDS[digit] ?? '',
      split,
      group: digitGroup(clip),
      digit,
      ...parameters,
    };
  });
  const header = Object.keys(rows[0] ?? {}).join(',');
  return [header, ...rows.map((row) => Object.values(row).map(String).join(',')), ''].join('\n');
}

/** The speaker: whole voices are held out for the test, and intervals count them. */
export function digitGroup(clip: DigitClip): string {
  return clip.voice;
}
