/** A child workflow that is paused, resumed and cancelled with its parent. */
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  WorkflowIdReusePolicy,
  sleep,
  startChild,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Control } from './control.ts';

const WAIT_FOR_OTHER = '5 seconds';

/**
 * @param workflowId if somebody has started that work by itself, it is waited for, and then found done
 * @returns what the child returned
 */
export async function runChild<Input, Output>(
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

async function startWhenFree<Input, Output>(
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
      await sleep(WAIT_FOR_OTHER);
      control.note = undefined;
    }
  }
}
