/** Whether a Temporal server can work: a real call, as it takes connections before. */
import type { Connection } from '@temporalio/client';

/** @throws Error of the client when no answer comes in time, or there is no such namespace */
export async function askNamespace(
  connection: Connection,
  namespace: string,
  timeoutMs: number,
): Promise<void> {
  const { workflowService } = connection;
  await connection.withDeadline(Date.now() + timeoutMs, () =>
    workflowService.describeNamespace({ namespace }),
  );
}
