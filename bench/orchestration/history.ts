/** What the histories of a workflow and its children say: how long they are, and when an activity was at work. */
import type { Client } from '@temporalio/client';
import type proto from '@temporalio/proto';

type Event = proto.temporal.api.history.v1.IHistoryEvent;

/** [from, to) in ms, of the server's clock. */
export type Interval = readonly [number, number];

export interface ExecutionFacts {
  readonly events: number;
  readonly bytes: number;
}

export interface HistoryFacts {
  /** Of the workflow itself: one, or the chain of those that it went on in. */
  readonly executions: readonly ExecutionFacts[];
  /** From the workflow's start to its end. */
  readonly span: Interval;
  /** An attempt of an activity each, of the workflow and its children, from its start to its end by the history. */
  readonly activities: readonly { readonly type: string; readonly interval: Interval }[];
}

/**
 * @param firstRunId of the first execution
 * @throws Error when the workflow has not ended
 */
export async function readHistories(
  client: Client,
  workflowId: string,
  firstRunId: string,
): Promise<HistoryFacts> {
  const executions: ExecutionFacts[] = [];
  const activities: HistoryFacts['activities'][number][] = [];
  let from = NaN;
  let runId = firstRunId;
  for (;;) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const { raw } = await handle.describe();
    const { events = [] } = await handle.fetchHistory();
    const list = events ?? [];
    executions.push({
      events: list.length,
      bytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0),
    });
    activities.push(...activitiesOf(list));
    for (const child of childrenOf(list)) {
      activities.push(...(await readHistories(client, child.workflowId, child.runId)).activities);
    }
    if (executions.length === 1) from = timeMs(list[0]);
    const last = list.at(-1);
    const next = last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (next === undefined || next === null) {
      return { executions, span: [from, timeMs(last)], activities };
    }
    runId = next;
  }
}

function timeMs(event: Event | undefined): number {
  const { seconds, nanos } = event?.eventTime ?? {};
  return Number(seconds ?? 0) * 1_000 + (nanos ?? 0) / 1e6;
}

function childrenOf(events: readonly Event[]): { workflowId: string; runId: string }[] {
  return events.flatMap(({ childWorkflowExecutionStartedEventAttributes: started }) => {
    const { workflowId, runId } = started?.workflowExecution ?? {};
    return typeof workflowId === 'string' && typeof runId === 'string' ? [{ workflowId, runId }] : [];
  });
}

function activitiesOf(events: readonly Event[]): HistoryFacts['activities'][number][] {
  const types = new Map<string, string>();
  const startedAt = new Map<string, number>();
  const found: HistoryFacts['activities'][number][] = [];
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) types.set(String(event.eventId), scheduled.activityType?.name ?? '');
    const started = event.activityTaskStartedEventAttributes;
    if (started) startedAt.set(String(started.scheduledEventId), timeMs(event));
    const ended =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes ??
      event.activityTaskCanceledEventAttributes;
    if (!ended) continue;
    const id = String(ended.scheduledEventId);
    const start = startedAt.get(id);
    if (start !== undefined) {
      found.push({ type: types.get(id) ?? '', interval: [start, timeMs(event)] });
    }
  }
  return found;
}

/** Ms that at least one of the intervals covers. */
export function coveredMs(intervals: readonly Interval[]): number {
  let covered = 0;
  let until = -Infinity;
  for (const [from, to] of [...intervals].sort((a, b) => a[0] - b[0])) {
    covered += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return covered;
}

/**
 * Temporal's share of a workflow's wall time, 0…1: that in which no activity was at work. With a worker that has one
 * slot for the work in question this holds every wait between two activities.
 */
export function temporalShare({ span, activities }: Pick<HistoryFacts, 'span' | 'activities'>): number {
  const wall = span[1] - span[0];
  return (wall - coveredMs(activities.map(({ interval }) => interval))) / wall;
}
