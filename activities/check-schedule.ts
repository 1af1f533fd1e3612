import { ModalmixError } from '../schemas/errors.ts';
import { storePaths } from '../schemas/names.ts';
import { scheduleRecordSchema } from '../schemas/schedules.ts';
import { progressKeys, type CheckScheduleInput } from '../schemas/workflows.ts';
import { findStored } from '../pipelines/store/stored-json.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/**
 * Whether the schedule that has started the run is there still.
 *
 * @throws ModalmixError `config` when it was removed, or added anew since
 */
export async function checkSchedule(services: Services, input: CheckScheduleInput): Promise<void> {
  const { storeUri, runId, scheduled } = input;
  await runStage(progressKeys.schedule, async () => {
    const store = services.openStore(storeUri);
    const path = storePaths.runSchedule(runId, scheduled.work);
    const record = await findStored(store, path, scheduleRecordSchema);
    if (record?.nonce === scheduled.nonce) return;
    throw new ModalmixError('config', 'the schedule that has started this run was removed or replaced', {
      where: `${store.uri}/${path}`,
      fix: 'To have it again: modalmix schedule add. "modalmix schedule list" shows those that are there.',
    });
  });
}
