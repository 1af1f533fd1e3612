/** Runs one ffmpeg command, within its limits, and judges how it ended. */
import { statSync } from 'node:fs';
import type ffmpeg from 'fluent-ffmpeg';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { ClipUnusable } from '../extractor.ts';
import { tooMuchMemory, watchMemory } from '../memory-watch.ts';
import type { PictureSink } from './picture-sink.ts';

const LOG_LINES_KEPT = 400;
const LOOK_AT_FILE_EVERY_MS = 100;

/** Why we ended ffmpeg ourselves. */
type StopReason = 'timeout' | 'cancelled' | 'exceeded' | 'memory';

export interface CommandRun {
  readonly exitCode: number;
  readonly log: readonly string[];
}

export interface RunLimits {
  readonly timeoutMs: number;
  readonly memoryMiB: number;
  /** A file that it writes, and how large that may become: it is ended then, and what it wrote is used. */
  readonly file?: { readonly path: string; readonly bytes: number };
}

/**
 * @param sink where the command writes pictures
 * @throws ClipUnusable `timeout`, `too-large`, `crashed`
 * @throws ModalmixError `cancelled`, `dependency`, `transient`
 */
export async function runCommand(
  command: ffmpeg.FfmpegCommand,
  sink: PictureSink | undefined,
  limits: RunLimits,
  signal: AbortSignal | undefined,
): Promise<CommandRun> {
  const { timeoutMs, memoryMiB, file } = limits;
  const log: string[] = [];
  const state: { started: boolean; stopped: StopReason | undefined } = { started: false, stopped: undefined };
  const stop = (why: StopReason) => {
    state.stopped ??= why;
    command.kill('SIGKILL');
  };
  const onAbort = () => {
    stop('cancelled');
  };
  const timer = setTimeout(() => {
    stop('timeout');
  }, timeoutMs);
  if (sink !== undefined) {
    sink.onExceeded = () => {
      stop('exceeded');
    };
  }
  const fileTimer = setInterval(() => {
    if (file !== undefined && sizeOf(file.path) > file.bytes) stop('exceeded');
  }, LOOK_AT_FILE_EVERY_MS);
  let endWatch = (): void => undefined;
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const drained = sink === undefined ? undefined : new Promise((resolve) => sink.once('finish', resolve));
    const failure = await new Promise<Error | undefined>((resolve) => {
      command
        .on('start', () => {
          state.started = true;
          endWatch = watchMemory(pidOf(command), memoryMiB, () => {
            stop('memory');
          });
          if (state.stopped !== undefined) command.kill('SIGKILL');
        })
        .on('stderr', (line: string) => {
          if (log.length < LOG_LINES_KEPT) log.push(line);
          else log[LOG_LINES_KEPT - 1] = line;
        })
        .on('end', () => {
          resolve(undefined);
        })
        .on('error', (error: Error) => {
          resolve(error);
        })
        .run();
    });
    if (state.started) await drained;
    return judgeRun(failure, state.started, state.stopped, log, limits);
  } finally {
    clearTimeout(timer);
    clearInterval(fileTimer);
    endWatch();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** fluent-ffmpeg keeps its process to itself. */
function pidOf(command: ffmpeg.FfmpegCommand): number | undefined {
  return (command as unknown as { readonly ffmpegProc?: { readonly pid?: number } }).ffmpegProc?.pid;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function judgeRun(
  failure: Error | undefined,
  started: boolean,
  stopped: StopReason | undefined,
  log: readonly string[],
  { timeoutMs, memoryMiB }: RunLimits,
): CommandRun {
  if (stopped === 'cancelled') throw new ModalmixError('cancelled', 'extraction was asked to stop');
  if (stopped === 'timeout') {
    const seconds = String(Math.round(timeoutMs / 1000));
    throw new ClipUnusable(
      'timeout',
      `not decoded within ${seconds} s; extraction.limits.clipTimeoutS raises the limit`,
    );
  }
  if (stopped === 'memory') throw new ClipUnusable('too-large', tooMuchMemory(memoryMiB));
  if (failure === undefined || stopped === 'exceeded') return { exitCode: 0, log };
  if (!started || log.some((line) => /^(?:unshare|prlimit): failed to execute/u.test(line))) {
    throw ffmpegMissing(failure);
  }
  const machine = log.find((line) =>
    /No space left on device|Too many open files|Resource temporarily unavailable/iu.test(line),
  );
  if (machine !== undefined) {
    throw new ModalmixError('transient', `ffmpeg could not work: ${machine.trim()}`, {
      where: 'ffmpeg',
      fix: 'Free what it ran out of; the extraction is tried again by itself.',
    });
  }
  const killedBy = /killed with signal (\w+)/u.exec(failure.message)?.[1];
  if (killedBy === 'SIGKILL' || killedBy === 'SIGTERM' || killedBy === 'SIGINT') {
    throw new ModalmixError('transient', `ffmpeg was ended from outside by ${killedBy}`, {
      where: 'ffmpeg',
      fix: 'If memory ran out, extract fewer clips at a time.',
    });
  }
  if (killedBy !== undefined) {
    throw new ClipUnusable('crashed', `ffmpeg crashed on it (${killedBy})`);
  }
  return { exitCode: Number(/exited with code (\d+)/u.exec(failure.message)?.[1] ?? 1), log };
}

export function ffmpegMissing(cause: unknown): ModalmixError {
  return new ModalmixError('dependency', 'ffmpeg cannot be run', {
    where: process.env[ENVIRONMENT.ffmpeg] ?? 'ffmpeg',
    fix: `Install ffmpeg, or set ${ENVIRONMENT.ffmpeg} to its file; \`modalmix doctor\` tells more.`,
    cause,
  });
}
