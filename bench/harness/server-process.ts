/** A server as a process of its own, which says on stdout where it listens. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const tellingSchema = z.looseObject({ url: z.url() });

export class ServerProcess {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #kill: () => void;

  private constructor(process: ChildProcess, url: string, kill: () => void) {
    this.#process = process;
    this.url = url;
    this.#kill = kill;
  }

  /**
   * It does not outlive this process.
   *
   * @param command a line of its stdout is JSON with `url`
   * @throws Error with the end of its stderr when it ends before that
   */
  static async start(
    command: string,
    words: readonly string[],
    env: NodeJS.ProcessEnv,
  ): Promise<ServerProcess> {
    const child = spawn(command, words, { stdio: 'pipe', env });
    const kill = () => {
      child.kill('SIGTERM');
    };
    process.once('exit', kill);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2_000);
    });
    child.on('error', (error) => {
      stderr += error.message;
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const telling = tellingSchema.safeParse(parsed(line));
      if (!telling.success) continue;
      child.stdout.resume();
      return new ServerProcess(child, telling.data.url, kill);
    }
    process.off('exit', kill);
    throw new Error(`the server ended before it listened: ${stderr.trim()}`);
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    this.#process.stdin?.end();
    await ended;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
