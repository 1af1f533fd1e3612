/** What speaks and draws the digits here: programs of the system, or else npm packages. */
import { execa } from 'execa';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ffmpegPath } from '../../process/ffmpeg-path.ts';
import { findFonts } from './find-fonts.ts';
import { FONTS } from './pools.ts';
import { ESPEAK_PACKAGE, espeakProblem } from './speak-word.ts';
import type { Speech } from './voices.ts';

/** Filters that not every build of ffmpeg has. */
const FILTERS = ['flite', 'drawtext'];

/**
 * What was asked for; else espeak-ng with ffmpeg and the system's fonts where all of them are there, else packages.
 * @throws ModalmixError `dependency` when espeak-ng was asked for and cannot speak
 */
export async function chooseSpeech(
  wanted: Speech | undefined,
): Promise<{ readonly speech: Speech; readonly note?: string }> {
  if (wanted === 'flite' || wanted === 'packaged') return { speech: wanted };
  const problem = (await espeakProblem()) ?? (wanted === undefined ? await drawingProblem() : undefined);
  if (problem === undefined) return { speech: 'espeak' };
  if (wanted === undefined) {
    return {
      speech: 'packaged',
      note: `${problem}: the digits are spoken by the voices and drawn with the typefaces of npm packages. They are other clips than those of ffmpeg, espeak-ng and Debian's fonts, so results differ from the README's.`,
    };
  }
  throw new ModalmixError('dependency', problem, {
    where: 'dataset.speech',
    fix: `Install it (Debian, Ubuntu: apt-get install ${ESPEAK_PACKAGE}), or leave dataset.speech out.`,
  });
}

/** Why the system's ffmpeg and fonts cannot make the clips, as a sentence without its full stop; undefined when they can. */
export async function drawingProblem(): Promise<string | undefined> {
  try {
    const missing = await missingFilters(ffmpegPath());
    if (missing.length > 0) return `the ffmpeg of this machine has no filter ${missing.join(', ')}`;
    await findFonts(Object.values(FONTS).flat());
    return undefined;
  } catch (error) {
    if (!(error instanceof ModalmixError)) throw error;
    return error.message;
  }
}

/** @returns those of the filters of the digits that this ffmpeg was built without */
export async function missingFilters(ffmpeg: string): Promise<string[]> {
  const { stdout } = await execa(ffmpeg, ['-hide_banner', '-loglevel', 'error', '-filters'], {
    stdin: 'ignore',
  });
  return FILTERS.filter((name) => !new RegExp(`\\s${name}\\s`, 'u').test(stdout));
}
