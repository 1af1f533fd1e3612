/** Stream workers as child processes of this one, each started again when it dies. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamRole } from '../../pipelines/streaming/metrics.ts';
import { EXIT_CODES, ModalmixError } from '../../schemas/errors.ts';
import { withLog } from '../log-file.ts';
import { identifyProcess, type ProcessIdentity } from '../processes.ts';
import { infraProgram } from './supervise.ts';

export interface StreamProcessesOptions {
  readonly configFile: string;
  /** What is laid over its values, each `<path>=<value>`. */
  readonly set?: readonly string[];
  /** Ingest workers; there is always one sink. */
  readonly ingest: number;
  /** Predict workers; absent: none. */
  readonly predict?: number | undefined;
  /** Where they write their logs; absent: this process's own output. */
  readonly logFile?: string;
  /** Ends them: what is under way is finished and published first. */
  readonly signal: AbortSignal;
  readonly onRestart?: (role: StreamRole, how: string) => void;
  readonly onStart?: (identity: ProcessIdentity) => void;
  readonly onEnd?: (identity: ProcessIdentity) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A worker that lived so long was well. */
const HEALTHY_MS = 60_000;

/**
 * Runs the workers until the signal.
 *
 * @throws ModalmixError `config` when one ends because trying again would not help; the others are ended too
 */
export async function keepStreamProcesses(options: StreamProcessesOptions): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const many = (role: StreamRole, count: number) => Array.from({ length: count }, () => role);
  const roles = [
    ...many('ingest', options.ingest),
    'sink' as const,
    ...many('predict', options.predict ?? 0),
  ];
  const running = roles.map(async (role, place) => {
    await keepOne(role, `${role}-${String(place)}-${String(process.pid)}`, { ...options, signal });
  });
  try {
    await Promise.all(running);
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}

async function keepOne(role: StreamRole, id: string, options: StreamProcessesOptions): Promise<void> {
  const { signal } = options;
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const startedAt = performance.now();
    const child = start(role, id, options);
    const end = () => child.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    const exit = once(child, 'exit');
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (identity !== undefined) options.onStart?.(identity);
    const [code, killed] = (await exit) as [number | null, NodeJS.Signals | null];
    if (identity !== undefined) options.onEnd?.(identity);
    signal.removeEventListener('abort', end);
    if (isAborted(signal)) return;
    if (code === EXIT_CODES.badInput || code === EXIT_CODES.ok) {
      throw new ModalmixError('config', `the ${role} worker ended (exit code ${String(code)})`, {
        where: options.logFile ?? role,
        fix: 'Its last words say why; start it again when that is mended.',
      });
    }
    options.onRestart?.(role, killed ?? `exit code ${String(code)}`);
    if (performance.now() - startedAt > HEALTHY_MS) pauseMs = FIRST_PAUSE_MS;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

function start(
  role: StreamRole,
  id: string,
  { configFile, set = [], logFile }: StreamProcessesOptions,
): ChildProcess {
  const { program, args } = infraProgram('stream-worker-main');
  const words = [...args, '--role', role, '--config', configFile, '--id', id];
  for (const setting of set) words.push('--set', setting);
  if (logFile === undefined) return spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit'] });
  return withLog(logFile, (log) => spawn(program, words, { stdio: ['ignore', log, log] }));
}

/** Asked again after an await, which the compiler would take for answered. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
