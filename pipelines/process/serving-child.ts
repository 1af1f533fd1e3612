/** A child process that lives on and answers one request after the other: what blocks its thread is done there. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ModalmixError } from '../../schemas/errors.ts';
import { childProgram } from './child-program.ts';
import { errorOfFailure, failureOf, type Failure } from './failure.ts';

type Reply = { readonly answer: unknown } | { readonly failure: Failure };

const STDERR_KEPT_CHARACTERS = 4_000;

export class ServingChild {
  readonly #entry: URL;
  readonly #child: ChildProcess;
  #waiting: { resolve: (answer: unknown) => void; reject: (error: unknown) => void } | undefined;
  #before: Promise<unknown> = Promise.resolve();
  #ended: ModalmixError | undefined;
  #stderr = '';

  private constructor(entry: URL, child: ChildProcess) {
    this.#entry = entry;
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT_CHARACTERS);
    });
    child.on('message', (reply: Reply) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if ('answer' in reply) waiting?.resolve(reply.answer);
      else waiting?.reject(errorOfFailure(reply.failure));
    });
    child.on('error', (error) => {
      this.#end(error.message);
    });
    child.on('close', (code, signal) => {
      this.#end(signal === null ? `exited with code ${String(code)}` : `was ended by ${signal}`);
    });
  }

  /**
   * @param entry URL of a TypeScript module that calls `serveRequests`
   * @param env beside this process's own
   */
  static async start(entry: URL, env: Readonly<Record<string, string>>): Promise<ServingChild> {
    const [program, args, how] = await childProgram(entry);
    const child = fork(program, args, {
      ...how,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    return new ServingChild(entry, child);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** False once it has died or was closed. */
  get alive(): boolean {
    return this.#ended === undefined;
  }

  /**
   * @param request can be cloned
   * @returns what the handler returned, to be parsed by the caller
   * @throws ModalmixError what the handler threw, or `transient` when the child died
   */
  async ask(request: unknown): Promise<unknown> {
    const asked = this.#before.then(() => this.#ask(request));
    this.#before = asked.catch(() => undefined);
    return await asked;
  }

  /** Whoever waits is told that it died. */
  close(): void {
    this.#child.kill('SIGKILL');
    this.#end('was closed');
  }

  async #ask(request: unknown): Promise<unknown> {
    return await new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting = { resolve, reject };
      this.#child.send({ request }, (error) => {
        if (error !== null) this.#end(error.message);
      });
    });
  }

  #end(how: string): void {
    this.#ended ??= new ModalmixError(
      'transient',
      `the child process ${how}. ${this.#stderr.trim()}`.trim(),
      {
        where: fileURLToPath(this.#entry),
        fix: 'It is started again by itself.',
      },
    );
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

/** The child's side: each request is handled when the one before is answered. It dies with its parent. */
export function serveRequests(handler: (request: unknown) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(1));
  // Ctrl-C in a terminal reaches the child too: its parent says when it is over.
  process.on('SIGINT', () => undefined);
  process.on('message', ({ request }: { readonly request: unknown }) => {
    handler(request)
      .then((answer): Reply => ({ answer }))
      .catch((error: unknown): Reply => ({ failure: failureOf(error) }))
      .then((reply) => {
        if (process.connected) process.send?.(reply);
      })
      .catch(() => process.exit(1));
  });
}
