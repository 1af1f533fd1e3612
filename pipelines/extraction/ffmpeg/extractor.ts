/** The portable extractor: it starts one ffmpeg process a clip. */
import type { Extractor } from '../extractor.ts';
import { extractClip } from '../extract-clip.ts';
import { decodeMedia, ffmpegVersion } from './decode.ts';

/** Raised when this code would give other values for the same clip. */
const REVISION = 3;

/** @throws ModalmixError `dependency` when there is no ffmpeg */
export async function createFfmpegExtractor(): Promise<Extractor> {
  return {
    version: `ffmpeg-extractor-${String(REVISION)}/${await ffmpegVersion()}`,
    extract: async (clip, config, signal) => await extractClip(decodeMedia, clip, config, signal),
  };
}
