/** Trainings that a method builds on, e.g. its teachers: which they are, and what they ended with. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import { storePaths } from '../../schemas/names.ts';
import { epochMetricsSchema, type TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';
import { getStoredLines } from '../store/stored-json.ts';
import { loadModel } from './weights/load-model.ts';
import { methodOf } from './methods/index.ts';
import type { FinishedTraining } from './methods/method.ts';
import { withMethod } from './training-spec.ts';

/**
 * The specs of the trainings that must be done before this one: as a run of the same config by those methods names
 * them, so that they are used again.
 *
 * @throws ModalmixError `config` for a fine-tuning by a method that needs any
 */
export function neededTrainings(spec: TrainingSpec): TrainingSpec[] {
  const needs = methodOf(spec).needs ?? [];
  if (needs.length > 0 && spec.fineTune !== undefined) {
    throw new ModalmixError('config', `a model cannot be trained further by ${spec.method}`, {
      where: spec.trainingId,
      fix: `It builds on trainings from scratch (${needs.join(', ')}); name another method first in training.methods.`,
    });
  }
  return needs.map((method) => withMethod(spec, method));
}

/** @throws ModalmixError `input` when one of them is not complete */
export async function openNeeded(
  store: Store,
  spec: TrainingSpec,
  manifest: Pick<DatasetManifest, 'classNames'>,
): Promise<Map<MethodName, FinishedTraining>> {
  const finished = new Map<MethodName, FinishedTraining>();
  try {
    for (const needed of neededTrainings(spec)) {
      const model = await loadModel({ store, spec: needed, manifest, weights: 'last' });
      const metrics = await getStoredLines(store, storePaths.metrics(needed.trainingId), epochMetricsSchema);
      finished.set(needed.method, { model, metrics });
    }
  } catch (error) {
    closeNeeded(finished);
    throw error;
  }
  return finished;
}

export function closeNeeded(finished: ReadonlyMap<MethodName, FinishedTraining>): void {
  for (const { model } of finished.values()) model.dispose();
}
