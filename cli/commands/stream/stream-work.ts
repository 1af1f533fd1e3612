/** `modalmix stream work` and `stop`: the workers of a stream, in the foreground or kept by the supervisor. */
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  dropStream,
  findKeptStream,
  keepStream,
  streamLogFile,
} from '../../../infra/supervisor/kept-streams.ts';
import { ensureSupervisor, runningSupervisor } from '../../../infra/supervisor/supervise.ts';
import { untilSignalled } from '../../../infra/workers/until-signalled.ts';
import { loadConfig } from '../../../pipelines/config/load-config.ts';
import { runIdOf } from '../../../pipelines/config/run-id.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Screen } from '../../../runs/screen.ts';
import { targetWords } from '../../text/target-words.ts';
import { ensureParts, type ConfigFlags } from './connect.ts';

export interface WorkFlags extends ConfigFlags {
  readonly detach?: boolean;
  readonly ingest: string;
  readonly predict: string;
}

/** The supervisor looks for what it shall keep so often, and a worker needs a moment to start or end. */
const POLL_MS = 250;
const START_TIMEOUT_MS = 30_000;

/**
 * In the foreground until SIGTERM or SIGINT, or handed to the supervisor.
 * @throws ModalmixError `config` for an unknown role or flags that do not fit it
 */
export async function work(role: string, flags: WorkFlags, screen: Screen): Promise<void> {
  if (role !== 'ingest' && role !== 'sink' && role !== 'predict' && role !== 'all') {
    throw new ModalmixError('config', `"${role}" is no role of a stream worker`, {
      fix: 'Use ingest, sink, predict or all.',
    });
  }
  const ingest = workersOf('--ingest', flags.ingest, 1);
  const predict = workersOf('--predict', flags.predict, 0);
  if (role !== 'all' && (flags.detach === true || ingest !== 1 || predict !== 0)) {
    throw new ModalmixError('config', `--detach, --ingest and --predict do not go with the role ${role}`, {
      fix: 'Use them with "stream work all".',
    });
  }
  await ensureParts({ ...screen, say: () => undefined });
  if (flags.detach === true) await keepWorking(flags, { ingest, predict }, screen);
  else if (role === 'all') {
    const { keepStreamProcesses } = await import('../../../infra/supervisor/stream-processes.ts');
    await untilSignalled(async (signal) => {
      await keepStreamProcesses({ ...workersConfig(flags), ingest, predict, signal });
    });
  } else {
    const { workUntilStopped } = await import('../../../infra/workers/stream-worker.ts');
    await workUntilStopped({ role, ...workersConfig(flags) });
  }
}

function workersOf(flag: string, text: string, least: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least) return count;
  throw new ModalmixError('config', `"${text}" is no number of workers`, { where: flag });
}

function workersConfig({ config, set }: ConfigFlags) {
  return { configFile: config, ...(set === undefined ? {} : { set }) };
}

async function keepWorking(
  flags: ConfigFlags,
  { ingest, predict }: { readonly ingest: number; readonly predict: number },
  screen: Screen,
): Promise<void> {
  const config = await loadConfig(flags.config, flags.set);
  const runId = runIdOf(config);
  await ensureSupervisor();
  const since = new Date().toISOString();
  const workers = { ingest, ...(predict === 0 ? {} : { predict }) };
  keepStream(runId, { ...workersConfig(flags), configFile: resolve(flags.config), ...workers, since });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (
    performance.now() < deadline &&
    (runningSupervisor()?.streamWorkers.length ?? 0) < ingest + 1 + predict
  ) {
    await sleep(POLL_MS);
  }
  screen.say(workText(config, flags));
  screen.event('kept', { runId, ...workers, log: streamLogFile(runId) });
}

/** @throws ModalmixError `config` when none is kept */
export async function stopWork(flags: ConfigFlags, screen: Screen): Promise<void> {
  const runId = runIdOf(await loadConfig(flags.config, flags.set));
  if (!dropStream(runId)) {
    throw new ModalmixError('config', 'the supervisor keeps no workers of this stream', {
      where: flags.config,
      fix: `Workers that run in a terminal are ended there, with Ctrl-C.`,
    });
  }
  screen.say('The workers end once what is under way is published.');
  screen.event('dropped', { runId });
}

/** Who works for a stream, as far as this machine's supervisor knows. */
export function workText(config: RunConfig, flags: ConfigFlags): string {
  const runId = runIdOf(config);
  const kept = findKeptStream(runId);
  const word = targetWords(flags.config, flags.set);
  if (kept === undefined) {
    return `No workers are kept running here. Start them: modalmix stream work all --detach --config ${word}`;
  }
  if (kept.failure !== undefined) {
    return `Its workers ended for good: ${kept.failure}\nWhen that is mended: modalmix stream work all --detach --config ${word}`;
  }
  const ingest = `${String(kept.ingest)} ingest ${kept.ingest === 1 ? 'worker' : 'workers'}`;
  const predict =
    kept.predict === undefined
      ? ''
      : ` and ${String(kept.predict)} predict ${kept.predict === 1 ? 'worker' : 'workers'}`;
  const workers = predict === '' ? `${ingest} and the sink` : `${ingest}, the sink${predict}`;
  const state =
    runningSupervisor() === undefined
      ? 'start again with the next command that uses Temporal'
      : 'are kept running';
  return `${workers} ${state}; log: ${streamLogFile(runId)}\nTo end them: modalmix stream stop --config ${word}`;
}
