/** The runs that Temporal knows: their workflows, without the children that they started. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { ModalmixError } from '../schemas/errors.ts';
import { believed } from '../schemas/seals.ts';
import { scheduleOfWorkflow } from '../schemas/schedules.ts';
import { WORKFLOWS } from '../schemas/workflows.ts';

export interface FoundRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly storeUri: string | undefined;
  /** Where a main job's clips come from; absent: of another workflow, or of a release that did not note it. */
  readonly source?: 'dataset' | 'stream';
  readonly type: string;
  /** Temporal's own word, in lower case: `running`, `completed`, `failed`, `cancelled`, … */
  readonly state: string;
  readonly startedAt: Date;
  readonly closedAt: Date | undefined;
}

/** They tell others of a run, and are none: `list-notices.ts` finds them. */
const TELLING: readonly string[] = [WORKFLOWS.notifyWebhooks, WORKFLOWS.trackTraining];

const QUERY = `WorkflowType IN (${Object.values(WORKFLOWS)
  .filter((type) => !TELLING.includes(type))
  .map((type) => `'${type}'`)
  .join(', ')})`;

/**
 * Newest first; of executions with the same id, and of those of a schedule that have ended, the last.
 *
 * @param among a condition of Temporal's list filter, for who knows the others already; absent: all
 */
export async function listRuns(client: Client, among?: string): Promise<FoundRun[]> {
  const newest = new Map<string, FoundRun>();
  const query = among === undefined ? QUERY : `${QUERY} AND (${among})`;
  for await (const info of client.workflow.list({ query })) {
    if (info.parentExecution !== undefined) continue;
    const found = describeRun(info);
    const same = found.state === 'running' ? undefined : scheduleOfWorkflow(found.workflowId);
    const key = same ?? found.workflowId;
    const known = newest.get(key);
    if (known === undefined || known.startedAt < found.startedAt) newest.set(key, found);
  }
  return [...newest.values()].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
}

/**
 * @param runId or a workflow's own id
 * @throws ModalmixError `config` when no such run is known
 */
export async function findRun(client: Client, runId: string): Promise<FoundRun[]> {
  const runs = await listRuns(client);
  const found = runs.filter((one) => one.runId === runId || one.workflowId === runId);
  if (found.length > 0) return found;
  throw unknownRun(runId, runs);
}

/** @param runs those that are known */
export function unknownRun(runId: string, runs: readonly FoundRun[] = []): ModalmixError {
  const known = [...new Set(runs.map((one) => one.runId))].slice(0, 5);
  return new ModalmixError('config', `no run "${runId}" is known`, {
    fix: known.length === 0 ? 'Nothing has been started here yet.' : `The last ones: ${known.join(', ')}.`,
  });
}

function describeRun(info: WorkflowExecutionInfo): FoundRun {
  const source = noted(info, 'source');
  return {
    runId: info.workflowId.split('/')[0] ?? info.workflowId,
    workflowId: info.workflowId,
    storeUri: noted(info, 'storeUri'),
    ...(source === 'dataset' || source === 'stream' ? { source } : {}),
    type: info.type,
    state: info.status.name === 'CANCELLED' ? 'cancelled' : info.status.name.toLowerCase(),
    startedAt: info.startTime,
    closedAt: info.closeTime,
  };
}

/** Of a run that none of ours has started it is not believed: what lies there would be read. */
function noted({ memo, startTime }: WorkflowExecutionInfo, name: 'storeUri' | 'source'): string | undefined {
  const value = believed(memo?.[name], startTime.getTime());
  return typeof value === 'string' ? value : undefined;
}
