/** A child workflow that is paused, resumed and cancelled with its parent. */
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  patched,
  sleep,
  startChild,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { RunReference } from '../schemas/workflows.ts';
import { workflowWaitingActivities } from './activity-proxies.ts';
import type { Control } from './control.ts';

/** Of executions that were begun when a wait was a timer after the other. */
const WAIT_FOR_OTHER = '5 seconds';
const WAITS_BY_ACTIVITY = 'waits for others by an activity';

/**
 * @param workflowId if somebody has started that work by itself, it is waited for, and then found done
 * @returns what the child returned
 */
export async function runChild<Input extends RunReference, Output>(
  control: Control,
  workflow: (input: Input) => Promise<Output>,
  workflowId: string,
  input: Input,
): Promise<Output> {
  const child = await startWhenFree(control, workflow, workflowId, input);
  await control.adopt(child);
  try {
    return await child.result();
  } finally {
    control.forget(child);
  }
}

async function startWhenFree<Input extends RunReference, Output>(
  control: Control,
  workflow: (input: Input) => Promise<Output>,
  workflowId: string,
  input: Input,
): Promise<ChildWorkflowHandle<(input: Input) => Promise<Output>>> {
  for (;;) {
    try {
      return await startChild(workflow, {
        workflowId,
        args: [input],
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      control.note = `${workflowId} was started by itself and is waited for`;
      if (patched(WAITS_BY_ACTIVITY)) {
        const { storeUri, runId } = input;
        await workflowWaitingActivities(input).awaitWorkflow({ storeUri, runId, workflowId });
      } else {
        await sleep(WAIT_FOR_OTHER);
      }
      control.note = undefined;
    }
  }
}
