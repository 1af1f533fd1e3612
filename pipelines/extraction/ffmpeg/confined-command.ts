/** ffmpeg as it is started on a stranger's file: without a network, within limits (`process/confine.ts`). */
import type ffmpeg from 'fluent-ffmpeg';
import { confined } from '../../process/confine.ts';
import { ffmpegPath } from '../../process/ffmpeg-path.ts';

/** Beyond the time that a clip may take: the kernel's limit is for what nobody watches any more. */
const SPARE_S = 60;

/** @returns program and arguments. @throws ModalmixError `dependency` when there is no ffmpeg */
export function confinedFfmpeg(args: readonly string[], timeoutMs: number): [string, string[]] {
  const [program = ffmpegPath(), ...rest] = [...confined(timeoutMs / 1_000 + SPARE_S), ffmpegPath(), ...args];
  return [program, rest];
}

/** What fluent-ffmpeg has of its own for this: which program it starts, and with which arguments. */
interface Inner {
  _getFfmpegPath: (callback: (error: unknown, path: string) => void) => void;
  _spawnFfmpeg: (args: string[], ...rest: unknown[]) => void;
}

/** @throws ModalmixError `dependency` when there is no ffmpeg */
export function confineCommand(command: ffmpeg.FfmpegCommand, timeoutMs: number): ffmpeg.FfmpegCommand {
  const [program] = confinedFfmpeg([], timeoutMs);
  const inner = command as unknown as Inner;
  const spawn = inner._spawnFfmpeg.bind(command);
  inner._getFfmpegPath = (callback) => {
    callback(null, program);
  };
  inner._spawnFfmpeg = (args, ...rest) => {
    spawn(confinedFfmpeg(args, timeoutMs)[1], ...rest);
  };
  return command;
}
