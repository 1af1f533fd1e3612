/** The activities of tracking: a training that runs is followed, one that has ended is completed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { syncTraining, type SyncTrainingInput } from '../../pipelines/tracking/mlflow/sync-training.ts';
import { getStored } from '../../pipelines/store/stored-json.ts';
import { storePaths } from '../../schemas/names.ts';
import { trainingSpecSchema } from '../../schemas/training.ts';
import {
  progressKeys,
  type TrackTrainingInput,
  type TrackTrainingOutput,
  type TrackedTraining,
} from '../../schemas/workflows.ts';
import { asAsked } from './notify.ts';
import { readRunConfig } from '../run-config.ts';
import { runStage } from '../run-stage.ts';
import type { Services } from '../services.ts';
import { trainingOf } from '../training-of.ts';

const LOOK_AGAIN_MS = 5_000;
const LOOK_AGAIN_WHEN_AWAY_MS = 60_000;

/** Until it is cancelled. A server that is away is asked again each minute: what it lacks then is sent at the end. */
export async function followTraining(services: Services, input: TrackedTraining): Promise<void> {
  await runStage(progressKeys.track, async ({ signal }) => {
    for (let begins = true; ;) {
      const isThere = await sync(services, input, { state: 'RUNNING', begins, signal }).then(
        () => true,
        () => false,
      );
      if (isThere) begins = false;
      await sleep(isThere ? LOOK_AGAIN_MS : LOOK_AGAIN_WHEN_AWAY_MS, undefined, { signal });
    }
  });
}

export async function trackTraining(
  services: Services,
  input: TrackTrainingInput,
): Promise<TrackTrainingOutput> {
  return await runStage(progressKeys.track, async ({ signal }) => {
    return await sync(services, input, { state: input.state, signal }).catch(asAsked);
  });
}

async function sync(
  services: Services,
  input: TrackedTraining,
  how: Pick<SyncTrainingInput, 'state' | 'begins' | 'signal'>,
): Promise<TrackTrainingOutput> {
  const store = services.openStore(input.storeUri);
  const { name, tracking } = await readRunConfig(store, input.runId);
  // Somebody has taken it out of the config meanwhile.
  if (tracking === undefined) return { notes: [] };
  const { uri, experiment = name } = tracking.mlflow;
  const spec =
    'trainingId' in input
      ? await getStored(store, storePaths.runConfig(input.trainingId), trainingSpecSchema, 'restart')
      : await trainingOf(services, input);
  return await syncTraining({ store, runId: input.runId, spec, uri, experiment, ...how });
}
