/** `modalmix worker`: works in the foreground until Ctrl-C or SIGTERM. */
import { workUntilStopped, workerProcessOptions } from '../../infra/workers/worker-process.ts';

export interface WorkerFlags {
  readonly queues?: string;
  readonly slots?: string;
  readonly metrics?: string;
  readonly readyFile?: string;
}

/** @throws ModalmixError `config` for unknown queues and counts that are none */
export async function work(flags: WorkerFlags): Promise<void> {
  await workUntilStopped(workerProcessOptions(flags.queues, flags.slots, flags.metrics, flags.readyFile));
}
