/**
 * Clips of the embedded data made with npm packages alone, on machines without ffmpeg, espeak-ng or their fonts: espeak-ng
 * and flite as WebAssembly speak, FFmpeg's libraries (node-av) draw and encode. In child processes, one a core.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { ModalmixError } from '../../../../schemas/errors.ts';
import { childProgram } from '../../../process/child-program.ts';
import { errorOfFailure, type Failure } from '../../../process/failure.ts';
import type { DigitClip } from '../plan-digits.ts';

const CHILD = new URL('packaged-clips-child.ts', import.meta.url);

export interface PackagedClip {
  readonly clip: DigitClip;
  /** Absolute. */
  readonly output: string;
}

/** Makes clips, some at a time; whoever starts one closes it. */
export interface ClipMaker {
  /** @throws ModalmixError `dependency`, `transient`; `cancelled` when it was closed meanwhile */
  make(clips: readonly PackagedClip[]): Promise<void>;
  close(): void;
}

export async function startClipMaker(): Promise<ClipMaker> {
  const [program, args, options] = await childProgram(CHILD);
  const child = fork(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = `${complaint}${text}`.slice(-2000);
  });
  return {
    make: async (clips) => {
      const answer = await ask(child, clips);
      if (answer === 'done') return;
      if (answer !== 'ended') throw errorOfFailure(answer);
      const words = complaint.trim().split('\n').at(-1) ?? '';
      const how = child.signalCode ?? `exit code ${String(child.exitCode)}`;
      throw new ModalmixError('transient', `the process that makes clips ended (${how}): ${words}`, {
        where: clips[0]?.output ?? '',
        fix: 'Check that there is space on the disk; the clips that are there are kept.',
      });
    },
    close: () => {
      child.kill('SIGKILL');
    },
  };
}

async function ask(child: ChildProcess, clips: readonly PackagedClip[]): Promise<'done' | 'ended' | Failure> {
  return await new Promise((resolve) => {
    const onEnd = () => {
      resolve('ended');
    };
    child.once('exit', onEnd);
    child.once('message', (answer: 'done' | Failure) => {
      child.off('exit', onEnd);
      resolve(answer);
    });
    // One that has ended already tells so here.
    child.send([...clips], (error) => {
      if (error !== null) onEnd();
    });
  });
}
