/** Contracts of runs that start by the clock: what is scheduled, under which ids, and what makes a start believed. */
import { z } from 'zod';
import { stored } from './versions.ts';

/** What a schedule starts: `rebuildAndTrain`, or the closing of a retraining's open window. */
export const SCHEDULED_WORK = ['rebuild', 'close-window'] as const;
export type ScheduledWork = (typeof SCHEDULED_WORK)[number];

/**
 * What happens when it is time and the run before has not ended. There is no "both at once": the two would wait for one
 * another's stages.
 */
export const OVERLAPS = ['skip', 'buffer-one', 'buffer-all', 'cancel-other'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** Part of a scheduled run's signed input: which schedule has started it. */
export interface ScheduledBy {
  readonly work: ScheduledWork;
  /** Of `scheduleRecordSchema`. */
  readonly nonce: string;
}

/**
 * `runs/<runId>/schedules/<work>.json`: there as long as the schedule is. A start whose nonce is not in it is refused, so
 * that who has kept a copy of the signed input of a schedule cannot use it when that is removed.
 */
export const scheduleRecordSchema = z.strictObject({
  formatVersion: z.literal(1),
  work: z.enum(SCHEDULED_WORK),
  nonce: z.string(),
  addedAt: z.iso.datetime(),
});
stored('schedule', scheduleRecordSchema);
export type ScheduleRecord = z.infer<typeof scheduleRecordSchema>;

/** Id of the schedule, and of its runs without the time that the server adds. */
export const scheduleId = (runId: string, work: ScheduledWork): string => `${runId}/scheduled/${work}`;

const SCHEDULE_ID = new RegExp(`^(.+)/scheduled/(${SCHEDULED_WORK.join('|')})$`, 'u');
/** The server ends the workflow's id of a scheduled start with the time it was due. */
const DUE = /-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u;

/** @returns undefined for a schedule that is none of ours */
export function parseScheduleId(id: string): { runId: string; work: ScheduledWork } | undefined {
  const [, runId, work] = SCHEDULE_ID.exec(id) ?? [];
  return runId === undefined ? undefined : { runId, work: work as ScheduledWork };
}

/**
 * The schedule that a workflow of this id is of. What is signed for the schedule counts for its runs, whose ids nobody
 * knows when it is signed.
 *
 * @returns undefined for all other workflows
 */
export function scheduleOfWorkflow(workflowId: string): string | undefined {
  const base = workflowId.replace(DUE, '');
  return base !== workflowId && SCHEDULE_ID.test(base) ? base : undefined;
}
