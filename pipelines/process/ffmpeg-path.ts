/** Where ffmpeg and ffprobe are: the environment's word first, then PATH. */
import { resolve } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { findProgram, isExecutable } from './find-program.ts';

/**
 * Absolute path of ffmpeg.
 * @throws ModalmixError `dependency` when there is none
 */
export function ffmpegPath(): string {
  return locate('ffmpeg', ENVIRONMENT.ffmpeg);
}

/**
 * Absolute path of ffprobe.
 * @throws ModalmixError `dependency` when there is none
 */
export function ffprobePath(): string {
  return locate('ffprobe', ENVIRONMENT.ffprobe);
}

function locate(program: 'ffmpeg' | 'ffprobe', variable: string): string {
  const named = process.env[variable];
  if (named !== undefined && named !== '') {
    const path = resolve(named);
    if (isExecutable(path)) return path;
    throw new ModalmixError('dependency', `there is no program at ${path}`, {
      where: `environment variable ${variable}`,
      fix: `Set ${variable} to the path of ${program}, or unset it to use the one on PATH.`,
    });
  }
  const found = findProgram(program);
  if (found !== undefined) return found;
  throw new ModalmixError('dependency', `${program} is not installed`, {
    where: 'PATH',
    fix: `Install ffmpeg (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg), or set ${variable} to its path.`,
  });
}
