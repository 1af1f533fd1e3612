/** Starts the workflows of a command, or joins the ones that run, and follows them to their end. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { RunConfig } from '../schemas/config/config.ts';
import { ENVIRONMENT, TASK_QUEUES } from '../schemas/names.ts';
import { ModalmixError } from '../schemas/errors.ts';
import { WORKFLOWS, type RebuildAndTrainInput, type RunReference } from '../schemas/workflows.ts';
import { Detached, follow } from './follow.ts';
import type { PreparedRun } from './prepare-run.ts';
import type { Screen } from './screen.ts';
import type { Session } from './session.ts';

export interface WorkflowStart {
  readonly type: (typeof WORKFLOWS)[keyof typeof WORKFLOWS];
  readonly workflowId: string;
  readonly input: RunReference | RebuildAndTrainInput;
}

/** What it is called and where its files are. */
interface RunPlace extends Pick<PreparedRun, 'runId'> {
  readonly config: Pick<RunConfig, 'store' | 'notify' | 'tracking'>;
}

export interface TargetFlags {
  /** Of `--set`, each `<path>=<value>`. */
  readonly set?: readonly string[];
}

export interface FollowFlags extends TargetFlags {
  readonly detach?: boolean;
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
}

const POLL_MS = 500;

/** What the workflows of a run are told of it. */
export function runReference({ runId, config }: RunPlace): RunReference {
  const seconds = atLeastOne(ENVIRONMENT.heartbeatTimeoutS, 'number of seconds');
  const shards = atLeastOne(ENVIRONMENT.shardsInFlight, 'number of shards');
  return {
    storeUri: config.store,
    runId,
    ...(seconds === undefined ? {} : { heartbeatTimeoutMs: Math.round(seconds * 1000) }),
    ...(shards === undefined ? {} : { shardsInFlight: Math.round(shards) }),
    ...(config.notify === undefined ? {} : { notifies: true }),
    ...(config.tracking === undefined ? {} : { tracks: true }),
  };
}

/** @returns undefined when it is not set */
function atLeastOne(variable: string, what: string): number | undefined {
  const given = process.env[variable];
  if (given === undefined || given === '') return undefined;
  const number = Number(given);
  if (number >= 1) return number;
  throw new ModalmixError('config', `"${given}" is not a ${what}, 1 or more`, { where: variable });
}

/** @returns whether it was running already */
export async function startOrJoin(client: Client, start: WorkflowStart): Promise<boolean> {
  const joined = await isRunning(client, start.workflowId);
  await client.workflow.start(start.type, {
    workflowId: start.workflowId,
    taskQueue: TASK_QUEUES.control,
    args: [start.input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    memo: memoOf(start),
  });
  return joined;
}

/** What a list of runs has of each; `source` as the input has it, for who starts the run again. */
function memoOf({ type, input }: WorkflowStart): Record<string, string> {
  const { runId, storeUri } = input;
  if (type !== WORKFLOWS.rebuildAndTrain) return { runId, storeUri };
  return { runId, storeUri, source: ('source' in input ? input.source : undefined) ?? 'dataset' };
}

async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/**
 * @param again the command that joins the run
 * @returns the outputs, in order; undefined when detached by flag or by Ctrl-C
 * @throws ModalmixError the workflow's own error
 */
export async function followToEnd(
  session: Session,
  runId: string,
  workflowIds: readonly string[],
  screen: Screen,
  flags: FollowFlags,
  again: string,
): Promise<unknown[] | undefined> {
  const comeBack = `It goes on by itself.\n  see it:  modalmix status ${runId}\n  join it: ${again}\n  stop it: modalmix cancel ${runId}`;
  if (flags.detach === true) {
    screen.say(comeBack);
    screen.event('detached', { runId });
    return undefined;
  }
  const detach = new AbortController();
  const onInterrupt = () => {
    detach.abort();
  };
  process.on('SIGINT', onInterrupt);
  try {
    return await follow(session.client, workflowIds, {
      pollMs: POLL_MS,
      signal: detach.signal,
      revive: session.revive,
      isAbandoned: session.isAbandoned,
      workerFailure: session.workerFailure,
      onProgress: (progress) => {
        screen.progress(progress);
      },
    });
  } catch (error) {
    if (!(error instanceof Detached)) throw error;
    screen.close();
    screen.say(`\nDetached from ${runId}. ${comeBack}`);
    screen.event('detached', { runId });
    return undefined;
  } finally {
    process.off('SIGINT', onInterrupt);
    screen.close();
  }
}
