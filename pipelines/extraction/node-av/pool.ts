/**
 * The fast extractor: long-lived child processes with FFmpeg inside, one clip at a time each. A clip may crash its
 * child, or hang it, without harm: the child is replaced.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Clip } from '../../../schemas/clip.ts';
import type { ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { childProgram } from '../../process/child-program.ts';
import { confined } from '../../process/confine.ts';
import { errorOfFailure, type Failure } from '../../process/failure.ts';
import { ClipUnusable, type ExtractedClip, type Extractor, type UnusableCode } from '../extractor.ts';
import { tooMuchMemory, watchMemory } from '../memory-watch.ts';
import { soundKernels } from '../native.ts';
import { closeRowFile, loadClip, openRowFile, type StoredClip } from '../row-file.ts';

/** Raised when this code would give other values for the same clip. */
const REVISION = 3;
const CHILD = new URL('node-av-child.ts', import.meta.url);
const TRIES = 2;
const START_TIMEOUT_MS = 60_000;
/** Of a start that somebody ended: an operator, the system for want of memory, or we, as it took too long. */
const START_TRIES = 3;
/** By these others end a process; by all other signals it ends itself, as the library cannot work here. */
const ENDED_BY_OTHERS: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP']);

export interface ToExtractor {
  readonly clip: Clip;
  readonly config: ExtractionConfig;
  /** Whether there is a file `ROW_FILE` for the values. */
  readonly hasRowFile: boolean;
}
export type FromExtractor =
  | { readonly type: 'ready' }
  | { readonly type: 'stored'; readonly clip: StoredClip }
  | { readonly type: 'done'; readonly features: ExtractedClip }
  | { readonly type: 'unusable'; readonly code: UnusableCode; readonly reason: string }
  | ({ readonly type: 'failed' } & Failure);

/** With the values in it. */
type Answer = Exclude<FromExtractor, { readonly type: 'stored' }>;

/**
 * Starts one child, so that an engine which cannot work here is noticed now; more follow as clips come at once.
 *
 * @throws ModalmixError `dependency` when FFmpeg's library cannot be loaded on this machine; `transient` when it was ended
 *   each time before that was known: what another engine extracts would not be this one's
 */
export async function createNodeAvExtractor(): Promise<Extractor> {
  // Used by the children alone, whose warnings nobody sees.
  soundKernels();
  const version = `node-av-extractor-${String(REVISION)}/${libraryVersion()}`;
  const idle: ExtractorChild[] = [await ExtractorChild.start()];
  const extract = async (
    clip: Clip,
    config: ExtractionConfig,
    signal?: AbortSignal,
  ): Promise<ExtractedClip> => {
    for (let attempt = 1; ; attempt += 1) {
      const child = idle.pop() ?? (await ExtractorChild.start());
      // One that died while nobody needed it.
      if (!child.isAlive()) {
        attempt -= 1;
        continue;
      }
      const outcome = await child.extract({ clip, config }, signal);
      if (child.isAlive()) idle.push(child);
      if (outcome !== 'crashed') return featuresOf(outcome);
      if (attempt === TRIES) {
        const memory = child.endedBy === 'SIGKILL' ? '; perhaps memory ran out' : '';
        throw new ClipUnusable(
          'crashed',
          `the process that decoded it ended ${String(TRIES)} times (${child.endedBy}${memory})`,
        );
      }
    }
  };
  return { version, extract };
}

/** Version of the package that brings FFmpeg's library for this machine. @throws ModalmixError `dependency` */
function libraryVersion(): string {
  const name = `@seydx/node-av-${process.platform}-${process.arch}`;
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch (cause) {
    throw new ModalmixError(
      'dependency',
      `there is no FFmpeg library for ${process.platform} ${process.arch}`,
      {
        where: name,
        fix: `Set ${ENVIRONMENT.extractor}=ffmpeg: the ffmpeg program does the same, more slowly.`,
        cause,
      },
    );
  }
}

function featuresOf(answer: Answer): ExtractedClip {
  switch (answer.type) {
    case 'done':
      return answer.features;
    case 'unusable':
      throw new ClipUnusable(answer.code, answer.reason);
    case 'failed':
      throw errorOfFailure(answer);
    case 'ready':
      throw outOfTurn();
  }
}

function outOfTurn(): ModalmixError {
  return new ModalmixError('internal', 'the extractor answered out of turn');
}

function endedByOthers(signal: string): ModalmixError {
  return new ModalmixError('transient', `the process that decodes was ended by ${signal} as it started`, {
    where: 'node-av',
    fix: 'It is tried again; if it goes on, look for what ends processes here, or for the memory that is left.',
  });
}

class ExtractorChild {
  readonly #process: ChildProcess;
  readonly #rowFile: number | undefined;
  ended = false;
  /** The signal, or the exit code, when it ended in the middle of a clip. */
  endedBy = '';

  private constructor(child: ChildProcess, rowFile: number | undefined) {
    this.#process = child;
    this.#rowFile = rowFile;
    child.once('exit', this.#onExit);
  }

  /** A function, since it may end at any time. */
  isAlive(): boolean {
    return !this.ended;
  }

  readonly #onExit = () => {
    if (this.ended) return;
    this.ended = true;
    closeRowFile(this.#rowFile);
  };

  /** @throws ModalmixError as `createNodeAvExtractor` */
  static async start(): Promise<ExtractorChild> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ExtractorChild.#startOnce();
      } catch (error) {
        const mayPass = error instanceof ModalmixError && error.kind === 'transient';
        if (!mayPass || attempt === START_TRIES) throw error;
      }
    }
  }

  static async #startOnce(): Promise<ExtractorChild> {
    const [program, args, how] = await childProgram(CHILD);
    const rowFile = openRowFile();
    const [execPath = process.execPath, ...execArgv] = [...confined(), process.execPath, ...how.execArgv];
    const child = fork(program, args, {
      ...{ execPath, execArgv },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', ...(rowFile === undefined ? [] : [rowFile])],
      serialization: 'advanced',
    });
    const started = new ExtractorChild(child, rowFile);
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        child.once('message', () => {
          resolve();
        });
        child.once('error', reject);
        child.once('exit', (code, signal) => {
          if (signal !== null && ENDED_BY_OTHERS.has(signal)) reject(endedByOthers(signal));
          else reject(new Error(`it ended with ${signal ?? `code ${String(code)}`}`));
        });
      });
    } catch (cause) {
      if (cause instanceof ModalmixError) throw cause;
      throw new ModalmixError('dependency', "FFmpeg's library cannot be loaded", {
        where: 'node-av',
        fix: `Set ${ENVIRONMENT.extractor}=ffmpeg: the ffmpeg program does the same, more slowly.`,
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
    started.#holdParent(false);
    return started;
  }

  /** @throws ModalmixError `cancelled`; ClipUnusable `timeout` */
  async extract(
    asked: Omit<ToExtractor, 'hasRowFile'>,
    signal: AbortSignal | undefined,
  ): Promise<Answer | 'crashed'> {
    const rowFile = this.#rowFile;
    const task: ToExtractor = { ...asked, hasRowFile: rowFile !== undefined };
    const child = this.#process;
    const { clipTimeoutS, clipMemoryMiB } = task.config.limits;
    let stopped: Error | undefined;
    const stop = (why: Error) => {
      stopped ??= why;
      child.kill('SIGKILL');
    };
    const onAbort = () => {
      stop(new ModalmixError('cancelled', 'extraction was asked to stop'));
    };
    const timer = setTimeout(() => {
      const limit = `not decoded within ${String(Math.round(clipTimeoutS))} s`;
      stop(new ClipUnusable('timeout', `${limit}; extraction.limits.clipTimeoutS raises the limit`));
    }, clipTimeoutS * 1000);
    const endWatch = watchMemory(child.pid, clipMemoryMiB, () => {
      stop(new ClipUnusable('too-large', tooMuchMemory(clipMemoryMiB)));
    });
    this.#holdParent(true);
    try {
      const answer = await new Promise<FromExtractor | 'crashed'>((resolve, reject) => {
        child.once('message', (answer: FromExtractor) => {
          resolve(answer);
        });
        child.once('exit', (code, killedBy) => {
          this.#onExit();
          if (stopped !== undefined) reject(stopped);
          else {
            this.endedBy = killedBy ?? `exit code ${String(code)}`;
            resolve('crashed');
          }
        });
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted === true) onAbort();
        else
          child.send(task, (error) => {
            if (error !== null) child.kill('SIGABRT');
          });
      });
      if (answer === 'crashed' || answer.type !== 'stored') return answer;
      if (rowFile === undefined) throw outOfTurn();
      // Now, before the child is asked again and writes over it.
      return { type: 'done', features: loadClip(rowFile, answer.clip) };
    } finally {
      clearTimeout(timer);
      endWatch();
      signal?.removeEventListener('abort', onAbort);
      child.removeAllListeners('message');
      child.removeAllListeners('exit');
      child.once('exit', this.#onExit);
      if (!this.ended) this.#holdParent(false);
    }
  }

  /** An idle child keeps nobody's process alive, and ends with it. */
  #holdParent(hold: boolean): void {
    const channel = this.#process.channel;
    if (hold) {
      this.#process.ref();
      channel?.ref();
    } else {
      this.#process.unref();
      channel?.unref();
    }
  }
}
