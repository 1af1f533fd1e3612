/** Who works for a queue. */
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { DEFAULT_NAMESPACE } from '../../infra/temporal/connection-settings.ts';

const ACTIVITY = proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY;

/** Identities of those who have lately asked for the queue's activities; who has died counts for some time. */
export async function pollersOf({ workflowService }: Connection, queue: string): Promise<string[]> {
  const { pollers } = await workflowService.describeTaskQueue({
    namespace: DEFAULT_NAMESPACE,
    taskQueue: { name: queue },
    taskQueueType: ACTIVITY,
  });
  return pollers.map(({ identity }) => identity ?? '');
}
