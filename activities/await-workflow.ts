/** Waiting for work that somebody else has started. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import { progressKeys, type AwaitWorkflowInput } from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';

const LOOK_AGAIN_MS = 1_000;

/**
 * Returns when the workflow does not run any more, however it ended. As an activity, since a wait in a workflow would
 * add to its history again and again; this adds the same few events however long it takes.
 */
export async function awaitWorkflow(input: AwaitWorkflowInput): Promise<void> {
  await runStage(progressKeys.waiting, async ({ signal }) => {
    const { client } = Context.current();
    while (await isRunning(async () => await client.workflow.getHandle(input.workflowId).describe())) {
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    }
  });
}

async function isRunning(
  describe: () => Promise<{ readonly status: { readonly name: string } }>,
): Promise<boolean> {
  try {
    return (await describe()).status.name === 'RUNNING';
  } catch (error) {
    // One that is not known any more has ended.
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
