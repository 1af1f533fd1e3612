/**
 * Runs a stage in a child process, because TensorFlow blocks the thread that calls it: the parent stays
 * free to heartbeat. The child reports progress, stops at its next safe point when asked, and dies with
 * its parent.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ERROR_KINDS, ModalmixError } from '../../schemas/errors.ts';
import { childProgram } from './child-program.ts';
import { errorOfFailure, failureOf, type Failure } from './failure.ts';
import { inSpan, traceEnvironment } from './tracing/tracer.ts';

interface ErrorMessage extends Failure {
  readonly stack?: string | undefined;
}

type ToChild = { readonly type: 'start'; readonly input: unknown } | { readonly type: 'stop' };
type ToParent =
  | { readonly type: 'progress'; readonly progress: unknown }
  | { readonly type: 'done'; readonly output: unknown }
  | { readonly type: 'error'; readonly error: ErrorMessage };

export interface ChildOptions {
  /** Called with whatever the child reports. */
  readonly onProgress?: (progress: unknown) => void;
  /** Asks the child to stop at its next safe point; it then fails with kind `cancelled`. */
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

const STDERR_KEPT_CHARACTERS = 4_000;

/**
 * @param entry URL of a TypeScript module that calls `serveParent`
 * @param input structured-clonable input for the child's handler
 * @returns what the handler returned, to be parsed by the caller
 * @throws ModalmixError the child's own error, or `transient` when it died without one (killed, out of memory)
 */
export async function runInChild(entry: URL, input: unknown, options: ChildOptions = {}): Promise<unknown> {
  const name =
    entry.pathname
      .split('/')
      .at(-1)
      ?.replace(/\.\w+$/u, '') ?? '';
  return await inSpan(`RunProcess:${name}`, async () => await runChild(entry, input, options));
}

async function runChild(entry: URL, input: unknown, options: ChildOptions): Promise<unknown> {
  const [program, args, how] = await childProgram(entry);
  const child = fork(program, args, {
    ...how,
    env: { ...process.env, ...traceEnvironment(), ...options.env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  const send = (message: ToChild) => {
    if (child.connected) child.send(message);
  };
  const stop = () => {
    send({ type: 'stop' });
  };
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT_CHARACTERS);
  });
  try {
    return await new Promise<unknown>((resolve, reject) => {
      let outcome: ToParent | undefined;
      child.on('message', (message: ToParent) => {
        if (message.type === 'progress') options.onProgress?.(message.progress);
        else outcome = message;
      });
      child.on('error', reject);
      child.on('close', (code, signal) => {
        if (outcome?.type === 'done') resolve(outcome.output);
        else if (outcome?.type === 'error') reject(restoreError(outcome.error));
        else reject(diedError(entry, code, signal, stderr));
      });
      send({ type: 'start', input });
      if (options.signal?.aborted === true) stop();
      options.signal?.addEventListener('abort', stop, { once: true });
    });
  } finally {
    options.signal?.removeEventListener('abort', stop);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}

export interface ChildContext {
  readonly report: (progress: unknown) => void;
  /** True once the parent asked for a stop; ask at every safe point, after `breathe`. */
  readonly stopRequested: () => boolean;
}

/** Lets messages from the parent in; call between steps, since a kernel holds the event loop. */
export async function breathe(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The child's side: runs `handler` on the parent's input, once. */
export function serveParent(handler: (input: unknown, context: ChildContext) => Promise<unknown>): void {
  let stopping = false;
  const send = async (message: ToParent): Promise<void> => {
    await new Promise<void>((resolve) => {
      if (process.send === undefined || !process.connected) resolve();
      else
        process.send(message, undefined, {}, () => {
          resolve();
        });
    });
  };
  // A parent that was killed leaves nobody to report to, and its successor starts a child of its own.
  process.on('disconnect', () => process.exit(1));
  process.on('SIGINT', () => undefined);
  process.on('message', (message: ToChild) => {
    if (message.type === 'stop') {
      stopping = true;
      return;
    }
    const context: ChildContext = {
      report: (progress) => void send({ type: 'progress', progress }),
      stopRequested: () => stopping,
    };
    handler(message.input, context)
      .then(async (output) => {
        await send({ type: 'done', output });
      })
      .catch(async (error: unknown) => {
        await send({ type: 'error', error: flattenError(error) });
      })
      .finally(() => process.exit(0));
  });
}

function flattenError(error: unknown): ErrorMessage {
  return { ...failureOf(error), stack: error instanceof Error ? error.stack : undefined };
}

function restoreError({ stack, ...failure }: ErrorMessage): ModalmixError {
  const kind = ERROR_KINDS.includes(failure.kind) ? failure.kind : 'internal';
  const restored = errorOfFailure({ ...failure, kind });
  if (stack !== undefined) restored.stack = stack;
  return restored;
}

function diedError(entry: URL, code: number | null, signal: string | null, stderr: string): ModalmixError {
  const how = signal === null ? `exited with code ${String(code)}` : `was ended by ${signal}`;
  return new ModalmixError(
    'transient',
    `the child process ${how} before it was done. ${stderr.trim()}`.trim(),
    {
      where: fileURLToPath(entry),
      fix:
        signal === 'SIGKILL'
          ? 'If memory ran out, lower training.batchSize.'
          : 'It is started again by itself.',
    },
  );
}
