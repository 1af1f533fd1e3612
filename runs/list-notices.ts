/** What others are told of a run, by workflows of their own: how far that is, and why it came to nothing. */
import { WorkflowFailedError, type Client } from '@temporalio/client';
import { WORKFLOWS, workflowIds } from '../schemas/workflows.ts';
import { retryingNote, unwrapFailure } from './follow.ts';

export interface FoundNotice {
  readonly workflowId: string;
  readonly what: 'notice' | 'tracking';
  /** Temporal's own word, in lower case. */
  readonly state: string;
  /** Of one that is tried again, or has failed. */
  readonly reason?: string;
}

const WHAT: Readonly<Record<string, FoundNotice['what']>> = {
  [WORKFLOWS.notifyWebhooks]: 'notice',
  [WORKFLOWS.trackTraining]: 'tracking',
};
/** The newest. */
const MOST = 100;

/** Newest first. */
export async function listNotices(client: Client, runId: string): Promise<FoundNotice[]> {
  const types = Object.keys(WHAT)
    .map((type) => `'${type}'`)
    .join(', ');
  const begin = workflowIds.run(runId).replaceAll(/['\\]/gu, '');
  const query = `WorkflowType IN (${types}) AND WorkflowId STARTS_WITH '${begin}/'`;
  const found: FoundNotice[] = [];
  for await (const { workflowId, type, status } of client.workflow.list({ query })) {
    const reason = await reasonOf(client, workflowId, status.name);
    found.push({
      ...{ workflowId, what: WHAT[type] ?? 'notice', state: status.name.toLowerCase() },
      ...(reason === undefined ? {} : { reason }),
    });
    if (found.length === MOST) break;
  }
  return found;
}

async function reasonOf(client: Client, workflowId: string, state: string): Promise<string | undefined> {
  if (state === 'RUNNING') return await retryingNote(client, [workflowId]);
  if (state === 'COMPLETED') return undefined;
  try {
    await client.workflow.getHandle(workflowId).result();
    return undefined;
  } catch (error) {
    return error instanceof WorkflowFailedError ? unwrapFailure(error).message : String(error);
  }
}
