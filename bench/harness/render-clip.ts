/** Clips as benches need them: made by ffmpeg from its own sources, h264 and aac. */
import { execa } from 'execa';
import { ffmpegPath } from '../../pipelines/process/ffmpeg-path.ts';

export interface ClipSource {
  /** Sources of lavfi. */
  readonly picture: string;
  readonly sound: string;
  /** Further options of the output. */
  readonly encoding: readonly string[];
}

/** @param path of an MP4 file that is not there yet */
export async function renderClip(path: string, { picture, sound, encoding }: ClipSource): Promise<void> {
  await execa(ffmpegPath(), [
    ...['-nostdin', '-v', 'error', '-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound],
    ...['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac', ...encoding, path],
  ]);
}
