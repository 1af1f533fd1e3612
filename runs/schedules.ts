/** Runs by the clock: Temporal Schedules that start the main job, or close a retraining's window. */
import { randomUUID } from 'node:crypto';
import {
  ScheduleNotFoundError,
  type Client,
  type ScheduleDescription,
  type ScheduleOptionsAction,
  type ScheduleOverlapPolicy,
} from '@temporalio/client';
import { openStore } from '../pipelines/store/open-store.ts';
import { ModalmixError } from '../schemas/errors.ts';
import { TASK_QUEUES, storePaths } from '../schemas/names.ts';
import {
  OVERLAPS,
  SCHEDULED_WORK,
  parseScheduleId,
  scheduleId,
  type Overlap,
  type ScheduleRecord,
  type ScheduledBy,
  type ScheduledWork,
} from '../schemas/schedules.ts';
import { isRefusal, refusalSentence } from '../schemas/seals.ts';
import {
  WORKFLOWS,
  type CloseWindowInput,
  type RebuildAndTrainInput,
  type RunReference,
} from '../schemas/workflows.ts';
import { storeRunConfig, type PreparedRun } from './prepare-run.ts';
import { runReference } from './run-workflows.ts';

export interface ScheduleOptions {
  readonly work: ScheduledWork;
  /** As of cron: `minute hour day month weekday`. */
  readonly cron: string;
  /** Of the tz database; absent: UTC. */
  readonly timezone?: string;
  /** Default: `skip`. */
  readonly overlap?: Overlap;
}

export interface FoundSchedule {
  readonly id: string;
  readonly runId: string;
  readonly work: ScheduledWork;
  readonly cron: string;
  readonly timezone: string;
  readonly overlap: string;
  /** `refused`: no key of today has signed it, and its runs would fail. */
  readonly state: 'active' | 'paused' | 'refused';
  readonly note: string | undefined;
  readonly last: Date | undefined;
  readonly next: Date | undefined;
  /** Runs of it that are under way. */
  readonly running: readonly string[];
  /** Starts that were left out as the run before had not ended. */
  readonly skipped: number;
}

/** What was due while the server was away is made up for when it is not older. */
const CATCH_UP = '1 day';
const POLICIES: Readonly<Record<Overlap, ScheduleOverlapPolicy>> = {
  skip: 'SKIP',
  'buffer-one': 'BUFFER_ONE',
  'buffer-all': 'BUFFER_ALL',
  'cancel-other': 'CANCEL_OTHER',
};

/**
 * Adds it, or puts it in the place of the one that the run has for that work.
 *
 * @returns whether one was replaced
 * @throws ModalmixError `config` for a cron expression or a time zone that is none; what the store throws, before the
 *   schedule that is there is touched; saying so when that one is gone and the new one could not be added
 */
export async function addSchedule(
  client: Client,
  prepared: PreparedRun,
  { work, cron, timezone, overlap = 'skip' }: ScheduleOptions,
): Promise<boolean> {
  const { runId, store } = prepared;
  const scheduled: ScheduledBy = { work, nonce: randomUUID() };
  const id = scheduleId(runId, work);
  const spec = { cronExpressions: [`${cron} # ${cron}`], timezone: timezone ?? 'UTC' };
  requireCron(cron);
  await storeRunConfig(prepared);
  const before = await describe(client, id);
  const handle = client.schedule.getHandle(id);
  if (before !== undefined) {
    // What the server refuses shall not cost the schedule that is there.
    await refusing(async () => await handle.update((old) => ({ ...old, spec })), cron, timezone);
    await handle.delete();
  }
  try {
    const record: ScheduleRecord = { formatVersion: 1, ...scheduled, addedAt: new Date().toISOString() };
    await store.put(storePaths.runSchedule(runId, work), JSON.stringify(record));
    const create = async () =>
      await client.schedule.create({
        scheduleId: id,
        spec,
        action: actionOf(prepared, scheduled, id),
        policies: { overlap: POLICIES[overlap], catchupWindow: CATCH_UP },
        state: { paused: before?.state.paused ?? false },
      });
    await refusing(create, cron, timezone);
  } catch (cause) {
    throw before === undefined ? cause : notReplaced(id, before, cause);
  }
  return before !== undefined;
}

/** The one that was there is deleted, and nothing is in its place. */
function notReplaced(id: string, { spec, state }: ScheduleDescription, cause: unknown): ModalmixError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const cron = spec.calendars?.[0]?.comment;
  const was = cron === undefined ? '' : `; it was "${cron}" in ${spec.timezone ?? 'UTC'}`;
  const pause = state.paused ? ', then pause it again, as it was' : '';
  return new ModalmixError(
    cause instanceof ModalmixError ? cause.kind : 'transient',
    `the schedule was removed, but the new one could not be added, so nothing is scheduled${was}: ${reason}`,
    { where: id, fix: `Give the same "modalmix schedule add" again when that is mended${pause}.`, cause },
  );
}

function actionOf(
  prepared: PreparedRun,
  scheduled: ScheduledBy,
  workflowId: string,
): ScheduleOptionsAction & { readonly type: 'startWorkflow' } {
  const { training } = prepared.config;
  const reference = runReference(prepared);
  const common = { type: 'startWorkflow', taskQueue: TASK_QUEUES.control, workflowId } as const;
  const memo = { runId: prepared.runId, storeUri: reference.storeUri };
  if (scheduled.work === 'close-window') {
    const input: CloseWindowInput = { ...reference, scheduled };
    return { ...common, workflowType: WORKFLOWS.closeWindow, args: [input], memo };
  }
  const input: RebuildAndTrainInput = {
    ...reference,
    methods: [...new Set(training.methods)],
    seeds: [...new Set(training.seeds)],
    scheduled,
  };
  return {
    ...{ ...common, workflowType: WORKFLOWS.rebuildAndTrain, args: [input] },
    memo: { ...memo, source: 'dataset' },
  };
}

/** Temporal takes other things for cron expressions, too (`@every 5m`, a year, `CRON_TZ=…`): those are said otherwise. */
function requireCron(cron: string): void {
  const fields = cron.trim().split(/\s+/u).length;
  if ([5, 7].includes(fields) && !/[#=@]/u.test(cron)) return;
  throw new ModalmixError('config', `"${cron}" is not a cron expression`, {
    where: '--cron',
    fix: 'Write "minute hour day month weekday", e.g. "0 3 * * *" for three in the morning; the zone by --timezone.',
  });
}

async function refusing<T>(create: () => Promise<T>, cron: string, timezone = 'UTC'): Promise<T> {
  try {
    return await create();
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new ModalmixError(
      'config',
      `the server takes no schedule "${cron}" in time zone "${timezone}": ${cause.message}`,
      {
        where: '--cron, --timezone',
        fix: 'Write "minute hour day month weekday", and a zone as "Europe/Berlin".',
        cause,
      },
    );
  }
}

/** @returns those of ours, by run */
export async function listSchedules(client: Client): Promise<FoundSchedule[]> {
  const found: FoundSchedule[] = [];
  for await (const { scheduleId: id } of client.schedule.list()) {
    const one = await findSchedule(client, id);
    if (one !== undefined) found.push(one);
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** @returns undefined where there is none of that id, or none of ours */
export async function findSchedule(client: Client, id: string): Promise<FoundSchedule | undefined> {
  const description = parseScheduleId(id) === undefined ? undefined : await describe(client, id);
  return description === undefined ? undefined : foundSchedule(id, description);
}

/**
 * @param runId or a schedule's own id
 * @returns what was paused or resumed
 * @throws ModalmixError `config` when it has no schedule
 */
export async function changeSchedules(
  client: Client,
  change: 'pause' | 'resume',
  runId: string,
): Promise<readonly string[]> {
  const ids = await schedulesOf(client, runId);
  for (const id of ids) {
    const handle = client.schedule.getHandle(id);
    await (change === 'pause' ? handle.pause('paused by a person') : handle.unpause('resumed by a person'));
  }
  return ids;
}

/**
 * Removes them; a run of theirs that is under way goes on.
 *
 * @param runId or a schedule's own id
 * @throws ModalmixError `config` when it has no schedule
 */
export async function removeSchedules(client: Client, runId: string): Promise<readonly string[]> {
  const ids = await schedulesOf(client, runId);
  for (const id of ids) {
    const description = await describe(client, id);
    const input = description === undefined ? undefined : inputOf(description);
    const { runId: run, work } = parseScheduleId(id)!;
    if (input !== undefined && !isRefusal(input) && input.runId === run) {
      await openStore(input.storeUri).delete(storePaths.runSchedule(run, work));
    }
    await client.schedule.getHandle(id).delete();
  }
  return ids;
}

async function schedulesOf(client: Client, runId: string): Promise<readonly string[]> {
  const candidates =
    parseScheduleId(runId) === undefined ? SCHEDULED_WORK.map((work) => scheduleId(runId, work)) : [runId];
  const ids: string[] = [];
  for (const id of candidates) if ((await describe(client, id)) !== undefined) ids.push(id);
  if (ids.length > 0) return ids;
  const known = [...new Set((await listSchedules(client)).map((one) => one.runId))].slice(0, 5);
  throw new ModalmixError('config', `no schedule of a run "${runId}" is known`, {
    fix: known.length === 0 ? 'Add one: modalmix schedule add' : `Scheduled are: ${known.join(', ')}.`,
  });
}

async function describe(client: Client, id: string): Promise<ScheduleDescription | undefined> {
  try {
    return await client.schedule.getHandle(id).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}

function foundSchedule(id: string, description: ScheduleDescription): FoundSchedule {
  const { runId, work } = parseScheduleId(id)!;
  const { spec, policies, state, info } = description;
  const input = inputOf(description);
  const refused = isRefusal(input) ? refusalSentence(input['modalmix:refused']) : undefined;
  return {
    id,
    runId,
    work,
    cron: spec.calendars?.[0]?.comment ?? 'by another program',
    timezone: spec.timezone ?? 'UTC',
    overlap:
      OVERLAPS.find((one) => POLICIES[one] === policies.overlap) ?? String(policies.overlap).toLowerCase(),
    state: refused !== undefined ? 'refused' : state.paused ? 'paused' : 'active',
    note: refused ?? state.note,
    last: info.recentActions.at(-1)?.takenAt,
    next: state.paused ? undefined : info.nextActionTimes[0],
    running: info.runningActions.map((action) => action.workflow.workflowId),
    skipped: info.numActionsSkippedOverlap,
  };
}

function inputOf({ action }: ScheduleDescription): RunReference | undefined {
  return action.args?.[0] as RunReference | undefined;
}
