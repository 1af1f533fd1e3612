/** Whether anybody needs the server and a worker: a run that is under way, or one that will start by itself. */
import { Connection } from '@temporalio/client';
import type { TemporalEndpoint } from '../temporal/connection-settings.ts';
import { parseScheduleId } from '../../schemas/schedules.ts';

const PAGE = 100;

/** @throws Error of the client when the server does not answer */
export async function isBusy({
  connection: options,
  namespace,
}: Pick<TemporalEndpoint, 'connection' | 'namespace'>): Promise<boolean> {
  const connection = await Connection.connect(options);
  try {
    const query = 'ExecutionStatus = "Running"';
    const running = await connection.workflowService.countWorkflowExecutions({ namespace, query });
    return Number(running.count) > 0 || (await hasActiveSchedule(connection, namespace));
  } finally {
    await connection.close();
  }
}

async function hasActiveSchedule({ workflowService }: Connection, namespace: string): Promise<boolean> {
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const page = await workflowService.listSchedules({ namespace, maximumPageSize: PAGE, nextPageToken });
    const isActive = page.schedules.some(
      ({ scheduleId, info }) => parseScheduleId(scheduleId ?? '') !== undefined && info?.paused !== true,
    );
    if (isActive) return true;
    ({ nextPageToken } = page);
  } while (nextPageToken.length > 0);
  return false;
}
