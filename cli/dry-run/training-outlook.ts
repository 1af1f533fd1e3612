/** Which trainings a run asks for, and how far each is in the store. Reads, and writes nothing. */
import { checkpointPaths } from '../../pipelines/training/checkpoints/checkpoint-files.ts';
import { trainingSpecs, withMethod } from '../../pipelines/training/training-spec.ts';
import type { Store } from '../../pipelines/store/store.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import { METHOD_NEEDS, type MethodName } from '../../schemas/config/methods.ts';
import { storePaths } from '../../schemas/names.ts';
import type { TrainingSpec } from '../../schemas/training.ts';

/** `done`: trained and evaluated, it is used as it is. `begun`: it goes on from a checkpoint. */
export type TrainingState = 'done' | 'trained' | 'begun' | 'new';

export interface TrainingOutlook {
  readonly spec: TrainingSpec;
  readonly state: TrainingState;
  /** Of the newest checkpoint. */
  readonly step?: number;
  /** Absent: the run names it itself. */
  readonly neededBy?: MethodName;
}

/**
 * @param version of the dataset; absent: it is not known yet, and so no training of it can be there
 * @returns those of the config, and before the first one that builds on them those that it needs
 */
export async function lookAtTrainings(
  config: RunConfig,
  version: string | undefined,
  store: Store,
): Promise<TrainingOutlook[]> {
  const specs = trainingSpecs(config, { name: config.name, version: version ?? 'unknown' });
  const asked = new Set(specs.map(({ trainingId }) => trainingId));
  const outlook = new Map<string, Omit<TrainingOutlook, 'state' | 'step'>>();
  for (const spec of specs) {
    const needs: Partial<Record<MethodName, readonly MethodName[]>> = METHOD_NEEDS;
    for (const needed of (needs[spec.method] ?? []).map((method) => withMethod(spec, method))) {
      const { trainingId } = needed;
      if (outlook.has(trainingId)) continue;
      outlook.set(trainingId, {
        spec: needed,
        ...(asked.has(trainingId) ? {} : { neededBy: spec.method }),
      });
    }
    if (!outlook.has(spec.trainingId)) outlook.set(spec.trainingId, { spec });
  }
  return await Promise.all(
    [...outlook.values()].map(async (one) => ({
      ...one,
      ...(version === undefined ? { state: 'new' as const } : await stateOf(one.spec.trainingId, store)),
    })),
  );
}

async function stateOf(trainingId: string, store: Store): Promise<Pick<TrainingOutlook, 'state' | 'step'>> {
  if (await store.exists(storePaths.trainingResult(trainingId))) {
    return { state: (await store.exists(storePaths.evaluation(trainingId))) ? 'done' : 'trained' };
  }
  const [newest] = await checkpointPaths(store, trainingId);
  const step = /step-(\d+)\.safetensors$/u.exec(newest ?? '')?.[1];
  return step === undefined ? { state: 'new' } : { state: 'begun', step: Number(step) };
}
