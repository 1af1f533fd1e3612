/** Embedded servers of a bench's own, whatever else runs on the machine: none is left behind, however the bench ends. */
import { stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { stopTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';

let open: string | undefined;

/** @param folder where servers that `work` starts keep their state; they are stopped when it ends or fails */
export async function withHome<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = process.env[ENVIRONMENT.home];
  process.env[ENVIRONMENT.home] = folder;
  open = folder;
  try {
    return await work();
  } finally {
    await stopServers();
    open = undefined;
    if (before === undefined) Reflect.deleteProperty(process.env, ENVIRONMENT.home);
    else process.env[ENVIRONMENT.home] = before;
  }
}

/** Those of the bench that runs now, for a process that is told to end. */
export async function stopServers(): Promise<void> {
  if (open === undefined) return;
  await stopSupervisor();
  await Promise.all([stopTemporal(), stopKafka()]);
}
