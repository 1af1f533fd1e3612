/** A peer that stays: a Python process that is asked in JSON, a line a question, and answers likewise. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';

const PEERS_FOLDER = new URL('../peers/', import.meta.url);

export class PythonProcess {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  #stderr = '';

  /** @param script of `bench/peers/`; before the first question it says that it is ready, with a line of its own */
  static async start(python: string, script: string, words: readonly string[] = []): Promise<PythonProcess> {
    const started = new PythonProcess(python, fileURLToPath(new URL(script, PEERS_FOLDER)), words);
    await started.#answer();
    return started;
  }

  private constructor(python: string, script: string, words: readonly string[]) {
    this.#process = spawn(python, [script, ...words]);
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2_000);
    });
    this.#reader = createInterface({ input: this.#process.stdout });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async ask<T>(question: unknown, schema: z.ZodType<T>): Promise<T> {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    return schema.parse(JSON.parse(await this.#answer()));
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin.end();
    if (this.#process.exitCode === null && this.#process.signalCode === null) await ended;
    this.#reader.close();
  }

  async #answer(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done !== true) return next.value;
    throw new Error(`the peer ended without an answer: ${this.#stderr.trim()}`);
  }
}
