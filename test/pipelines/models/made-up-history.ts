/** A model's history as the registry holds it, made up: its numbers are nobody's result. */
import {
  moveCurrent,
  registerVersion,
  rollback,
  type NewModelVersion,
} from '../../../pipelines/models/registry.ts';
import { applyGate } from '../../../pipelines/models/gate.ts';
import { recordText } from '../../../pipelines/models/records.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { storePaths } from '../../../schemas/names.ts';
import { gateConfigSchema } from '../../../schemas/config/retrain-config.ts';
import {
  retrainWindowSchema,
  type Drift,
  type RetrainWindow,
  type WindowOutcome,
} from '../../../schemas/retrain.ts';
import type { Scores } from '../../../schemas/training.ts';

export function scores(accuracy: number, samples = 200): Scores {
  return {
    samples,
    accuracy,
    macroF1: accuracy - 0.01,
    meanAveragePrecision: accuracy,
    expectedCalibrationError: 0.05,
  };
}

export function newVersion(
  model: string,
  trainingId: string,
  changes: Partial<NewModelVersion> = {},
): NewModelVersion {
  return {
    model,
    trainingId,
    method: 'b-mm',
    seed: 0,
    modalities: ['audio', 'rgb'],
    classNames: ['even', 'odd'],
    dataset: { name: 'clips', version: 'abc' },
    weights: { path: `runs/${trainingId}/model.safetensors`, sha256: '0'.repeat(64) },
    ...changes,
  };
}

export const dayOf = (day: number): Date => new Date(Date.UTC(2026, 4, day, 10, 30));

export function windowOf(model: string, number: number, changes: Partial<RetrainWindow> = {}): RetrainWindow {
  const countsAt = (window: number) => ({
    rows: 120 * window,
    superseded: 2 * window,
    duplicates: 5 * window,
    outdated: window,
    foreign: 0,
    deadLetters: 3 * window,
  });
  return retrainWindowSchema.parse({
    formatVersion: 1,
    model,
    number,
    reason: number % 2 === 0 ? 'time' : 'clips',
    openedAt: dayOf(number).toISOString(),
    closedAt: dayOf(number + 1).toISOString(),
    dataset: 'clips',
    extractionKey: 'key',
    from: { generation: 4 * (number - 1), counts: countsAt(number - 1) },
    to: { generation: 4 * number, counts: countsAt(number) },
    newShards: [`datasets/clips/stream/key/shards/train-${String(number)}.arrow`],
    newClips: 118,
    manifest: storePaths.retrainWindowManifest(model, number, 4 * number),
    ...changes,
  });
}

export function driftOf(classNames: readonly string[], strength: number): Drift {
  const classes = classNames.length;
  return {
    classCounts: {
      old: classNames.map(() => 100),
      new: classNames.map((_, k) =>
        Math.max(1, Math.round(20 * (1 + (strength * (k - (classes - 1) / 2)) / classes))),
      ),
    },
    classDistance: 0.1 * strength,
    inputs: {
      audio: { old: [-6.2], new: [-6.2 + strength], shift: strength / 2 },
      rgb: { old: [120, 110, 100], new: [121, 112, 100], shift: 0.03 },
    },
    featureShift: { audio: 0.4 * strength, rgb: 0.1 },
    rho: {
      old: { audio: 1.3, rgb: 0.77 },
      new: { audio: 1.3 + 0.2 * strength, rgb: 1 / (1.3 + 0.2 * strength) },
    },
  };
}

/** Held-out accuracy of the candidate and of the current model, then both on new data. */
const JUDGED = [
  [0.72, 0.7, 0.68, 0.61],
  [0.69, 0.72, 0.6, 0.66],
  [0.75, 0.72, 0.71, 0.7],
  [0.78, 0.75, 0.6, 0.66],
  [0.79, 0.78, 0.74, 0.6],
] as const;

export interface MadeUpHistory {
  readonly classNames: readonly string[];
  /** What people wrote as a reason. */
  readonly note?: string;
}

/**
 * Version 1 from scratch; five windows, whose candidates 2, 4 and 6 are promoted; 5 is promoted by hand before, and
 * 6 rolled back; of a sixth window nothing is to be learnt.
 */
export async function makeUpHistory(store: Store, model: string, options: MadeUpHistory): Promise<void> {
  const { classNames, note = 'sounds worse in the demo room' } = options;
  const gate = gateConfigSchema.parse({});
  const base = { classNames: [...classNames] };
  await registerVersion(store, newVersion(model, `${model}-first`, base), dayOf(1));
  await moveCurrent(store, { model, to: 1, by: 'first', reason: 'the first version', now: dayOf(1) });
  let parent = 1;
  for (const [i, [candidate, current, candidateNew, currentNew]] of JUDGED.entries()) {
    const number = i + 1;
    const window = windowOf(model, number);
    await store.create(storePaths.retrainWindow(model, number), recordText(window));
    const comparison = {
      heldOut: { candidate: scores(candidate, 240), current: scores(current, 240) },
      newData: { candidate: scores(candidateNew, 30), current: scores(currentNew, 30) },
    };
    const decision = applyGate(gate, comparison);
    const { version } = await registerVersion(
      store,
      newVersion(model, `${model}-window-${String(number)}`, {
        ...base,
        dataset: { name: 'clips', version: `snapshot${String(number)}` },
        parent,
        window: number,
        comparison,
        drift: driftOf(classNames, number / 2),
        decision,
      }),
      dayOf(number + 2),
    );
    if (decision.promoted) {
      const [, reason = ''] = decision.reasons;
      await moveCurrent(store, { model, to: version, by: 'gate', reason, now: dayOf(number + 2) });
      parent = version;
    } else if (version === 5) {
      await moveCurrent(store, { model, to: 5, by: 'promote', reason: note, now: dayOf(number + 2) });
      parent = 5;
    }
  }
  await rollback(store, { model, reason: note, now: dayOf(9) });
  await store.create(storePaths.retrainWindow(model, 6), recordText(windowOf(model, 6, { reason: 'asked' })));
  const outcome: WindowOutcome = {
    ...{ formatVersion: 1, model, window: 6, finishedAt: dayOf(8).toISOString(), promoted: false },
    note: 'none of its clips is in the training split',
  };
  await store.create(storePaths.retrainWindowOutcome(model, 6), recordText(outcome));
}
