/** Sound that ffmpeg writes as two files: the samples, and when each piece of them begins. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TimedSamples } from '../place-sound.ts';

/** In a folder of its own. */
export interface SoundFiles {
  readonly samples: string;
  readonly times: string;
}

export function soundFiles(folder: string): SoundFiles {
  return { samples: join(folder, 'audio.f32'), times: join(folder, 'audio.times') };
}

/** Arguments for one output, mono 32-bit floats, into both files. */
export function soundOutput({ samples, times }: SoundFiles): { target: string; args: string[] } {
  const target = `[f=f32le]${escaped(samples)}|[f=framecrc]${escaped(times)}`;
  return { target, args: ['-c:a', 'pcm_f32le', '-avoid_negative_ts', 'disabled', '-f', 'tee'] };
}

/** For FFmpeg's `av_get_token`. */
function escaped(path: string): string {
  return `file:${path}`.replace(/[\\'|\s]/gu, String.raw`\$&`);
}

/** Reads both and removes them. @returns nothing where there was no sound */
export async function readTimedSamples({ samples, times }: SoundFiles): Promise<TimedSamples[]> {
  const bytes = await readFile(samples).catch(() => Buffer.alloc(0));
  const text = await readFile(times, 'utf8').catch(() => '');
  await rm(samples, { force: true });
  await rm(times, { force: true });
  const pieces: TimedSamples[] = [];
  let from = 0;
  const take = (at: number | undefined, size: number) => {
    const length = Math.floor(Math.min(size, bytes.length - from) / 4);
    if (length <= 0) return;
    const floats = new Float32Array(length);
    for (let i = 0; i < length; i += 1) floats[i] = bytes.readFloatLE(from + 4 * i);
    pieces.push({ at, samples: floats });
    from += 4 * length;
  };
  // `stream, dts, pts, duration, size, checksum`, in units of the rate.
  for (const [, pts, size] of text.matchAll(/^0, *-?\d+, *(-?\d+), *\d+, *(\d+), *0x/gmu)) {
    take(Number(pts), Number(size));
  }
  // Of a file that ended in its middle.
  take(undefined, bytes.length - from);
  return pieces;
}
