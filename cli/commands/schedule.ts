/** `modalmix schedule`: runs by the clock. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { retrainConfigOf } from '../../pipelines/models/retrain-window.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { oneLine } from '../../schemas/printable.ts';
import { OVERLAPS, scheduleId, type Overlap } from '../../schemas/schedules.ts';
import { prepareRun } from '../../runs/prepare-run.ts';
import type { TargetFlags } from '../../runs/run-workflows.ts';
import {
  addSchedule,
  changeSchedules,
  findSchedule,
  listSchedules,
  removeSchedules,
  type FoundSchedule,
} from '../../runs/schedules.ts';
import type { Screen } from '../../runs/screen.ts';
import { connect, connectToLook, type Session } from '../../runs/session.ts';
import { textTable } from '../text/text-table.ts';

export interface AddFlags extends TargetFlags {
  readonly cron: string;
  readonly timezone?: string;
  readonly overlap?: string;
  readonly closeWindow?: boolean;
}

const TIMED_TRIES = 25;
const TIMED_PAUSE_MS = 200;

const WORK_WORDS = { rebuild: 'rebuild and train', 'close-window': 'close the window' } as const;
const NO_SCHEDULES = 'Nothing is scheduled. Add one: modalmix schedule add <config.yaml> --cron "0 3 * * *"';

/** The server works out the next time of a new schedule a moment after it has taken it. */
async function timedSchedule(client: Client, id: string): Promise<FoundSchedule | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await findSchedule(client, id);
    const isTimed = found !== undefined && (found.state !== 'active' || found.next !== undefined);
    if (isTimed || attempt === TIMED_TRIES) return found;
    await sleep(TIMED_PAUSE_MS);
  }
}

/** @throws ModalmixError `config` for a config, a cron expression, a time zone or an overlap that is none */
export async function add(target: string, flags: AddFlags, screen: Screen): Promise<void> {
  const overlap = overlapOf(flags.overlap);
  const prepared = await prepareRun(target, screen, flags.set);
  const work = flags.closeWindow === true ? 'close-window' : 'rebuild';
  if (work === 'close-window') retrainConfigOf(prepared.config);
  const { runId } = prepared;
  const session = await connect(screen);
  try {
    const { cron, timezone } = flags;
    const options = { work, cron, overlap, ...(timezone === undefined ? {} : { timezone }) } as const;
    const replaced = await addSchedule(session.client, prepared, options);
    const id = scheduleId(runId, work);
    const found = await timedSchedule(session.client, id);
    const next = found?.next === undefined ? '' : `, next at ${found.next.toISOString()}`;
    screen.say(
      `${replaced ? 'Replaced' : 'Added'}: ${WORK_WORDS[work]} of ${runId}, ${cron} (${timezone ?? 'UTC'}), overlap ${overlap}${next}.`,
    );
    screen.say(
      `The config is kept as it is now; after a change of the file: add it again, and modalmix schedule remove ${runId}`,
    );
    screen.event('scheduled', { id, runId, work, cron, overlap, replaced, next: found?.next });
  } finally {
    await session.close();
  }
}

export async function list(screen: Screen): Promise<void> {
  const session = await connectToLook(screen);
  if (session === undefined) {
    screen.say(NO_SCHEDULES);
    return;
  }
  try {
    const schedules = await listSchedules(session.client);
    screen.say(schedules.length === 0 ? NO_SCHEDULES : tableOf(schedules));
    for (const one of schedules) {
      if (one.state === 'refused')
        screen.say(`${oneLine(one.id)} is ${oneLine(one.note ?? '')}: add it again.`);
      screen.event('schedule', { ...one });
    }
  } finally {
    await session.close();
  }
}

export async function change(what: 'pause' | 'resume', runId: string, screen: Screen): Promise<void> {
  await withSchedules(screen, runId, async ({ client }) => {
    for (const id of await changeSchedules(client, what, runId)) {
      screen.say(
        `${id} ${what === 'pause' ? 'is paused' : 'goes on'}; a run of it that is under way is not touched.`,
      );
      screen.event(what, { id });
    }
  });
}

export async function remove(runId: string, screen: Screen): Promise<void> {
  await withSchedules(screen, runId, async ({ client }) => {
    for (const id of await removeSchedules(client, runId)) {
      screen.say(`${id} is removed; a run of it that is under way goes on.`);
      screen.event('removed', { id });
    }
  });
}

async function withSchedules(
  screen: Screen,
  runId: string,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const session = await connectToLook(screen);
  if (session === undefined) {
    throw new ModalmixError('config', `no schedule of a run "${runId}" is known`, {
      fix: 'Nothing has been started here yet.',
    });
  }
  try {
    await work(session);
  } finally {
    await session.close();
  }
}

function overlapOf(words = 'skip'): Overlap {
  const overlap = OVERLAPS.find((one) => one === words);
  if (overlap !== undefined) return overlap;
  throw new ModalmixError('config', `"${words}" is no overlap policy`, {
    where: '--overlap',
    fix: `It is one of ${OVERLAPS.join(', ')}.`,
  });
}

function tableOf(schedules: readonly FoundSchedule[]): string {
  return textTable({
    header: ['run', 'what', 'cron', 'zone', 'overlap', 'state', 'last', 'next', 'running', 'skipped'],
    rows: schedules.map((one) => [
      ...[one.runId, WORK_WORDS[one.work], one.cron, one.timezone, one.overlap, one.state],
      ...[one.last, one.next].map((time) => time?.toISOString() ?? '–'),
      ...[one.running.length, one.skipped].map(String),
    ]),
    left: [0, 1, 2, 3, 4, 5, 6, 7],
  });
}
