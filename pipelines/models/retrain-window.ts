/** What is done with a closed window: its snapshot and starting point, and the decision about its candidate. */
import type { RunConfig } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import { retrainConfigSchema, type RetrainConfig } from '../../schemas/config/retrain-config.ts';
import {
  windowComparisonSchema,
  windowStartSchema,
  type ModelVersion,
  type WindowComparison,
  type WindowOutcome,
  type WindowStart,
} from '../../schemas/retrain.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { findStored } from '../store/stored-json.ts';
import { freezeSnapshot } from '../streaming/ranges/freeze-snapshot.ts';
import { fineTuneSpec } from '../training/training-spec.ts';
import { applyGate } from './gate.ts';
import { versionOf } from './open-model.ts';
import { createRecord, recordText } from './records.ts';
import { findVersion, listVersions, moveCurrentFrom, readCurrent, registerVersion } from './registry.ts';
import { findOutcome, readWindowManifest, requireWindow } from './windows.ts';

export interface WindowWork {
  readonly store: Store;
  readonly config: RunConfig;
  readonly model: string;
  readonly window: number;
}

export function retrainConfigOf(config: RunConfig): RetrainConfig {
  return config.stream?.retrain ?? retrainConfigSchema.parse({});
}

/**
 * Freezes the window's snapshot and fixes the version to fine-tune from; asked again it gives the same.
 *
 * @param base the dataset version that the main job's last rebuild published
 * @throws ModalmixError `input` when the model has no current version
 */
export async function startWindow(
  work: WindowWork,
  base: { readonly name: string; readonly version: string },
  signal: AbortSignal,
): Promise<WindowStart> {
  const { store, model } = work;
  const path = storePaths.retrainWindowStart(model, work.window);
  const before = await findStored(store, path, windowStartSchema);
  if (before !== undefined) return before;
  const window = await requireWindow(store, model, work.window);
  const current = await requireCurrent(store, model);
  const snapshot = await freezeSnapshot({
    store,
    base: await loadManifest(store, base.name, base.version),
    stream: await readWindowManifest(store, window),
    newShards: window.newShards,
    signal,
  });
  const start: WindowStart = {
    dataset: { name: snapshot.name, version: snapshot.version },
    parent: current.version,
    newTrainClips: newTrainClips(snapshot),
  };
  await createRecord(store, path, start);
  return (await findStored(store, path, windowStartSchema)) ?? start;
}

function newTrainClips({ shards, snapshot }: DatasetManifest): number {
  const fresh = new Set(snapshot?.newShards);
  return shards
    .filter(({ split, path }) => split === 'train' && fresh.has(path))
    .reduce((rows, shard) => rows + shard.rows, 0);
}

/** The training of a window's candidate. */
export async function candidateSpec(
  work: WindowWork,
  dataset: WindowStart['dataset'],
  parent: number,
): Promise<TrainingSpec> {
  return fineTuneSpec(work.config, dataset, await findVersion(work.store, work.model, parent));
}

export interface DecideInput extends WindowWork {
  readonly start: Pick<WindowStart, 'dataset' | 'parent'>;
  /** The version compared with; absent: nothing was trained. */
  readonly against?: number;
  readonly now: Date;
}

/**
 * Registers the candidate, moves `current` when the gate holds, and writes the window's outcome, in this order:
 * after a kill anywhere in between, the same is decided from the same facts.
 *
 * @returns the outcome, or the version to compare with because `current` was moved by somebody meanwhile
 */
export async function decideWindow(input: DecideInput): Promise<WindowOutcome | { compareWith: number }> {
  const { store, model, window, now } = input;
  const before = await findOutcome(store, model, window);
  if (before !== undefined) return before;
  const finish = async (facts: Pick<WindowOutcome, 'version' | 'promoted' | 'note'>) => {
    const outcome: WindowOutcome = {
      ...{ formatVersion: 1, model, window, finishedAt: now.toISOString() },
      ...facts,
    };
    await store.put(storePaths.retrainWindowOutcome(model, window), recordText(outcome));
    return outcome;
  };
  if (input.against === undefined) {
    return await finish({ promoted: false, note: 'none of its clips is in the training split' });
  }

  const { against } = input;
  const spec = await candidateSpec(input, input.start.dataset, input.start.parent);
  let candidate = (await listVersions(store, model)).find(({ trainingId }) => trainingId === spec.trainingId);
  if (candidate === undefined) {
    const current = await requireCurrent(store, model);
    if (current.version !== against) return { compareWith: current.version };
    candidate = await registerCandidate(input, spec, against);
  }
  const { version } = candidate;
  const decision = await decisionAgainst(input, candidate, against);
  const note = decision?.reasons.join(' ') ?? '';
  if (decision?.promoted === true) {
    const reason = `window ${String(window)}: ${note}`;
    const moved = await moveCurrentFrom(store, {
      model,
      from: against,
      to: version,
      by: 'gate',
      reason,
      now,
    });
    // A person was quicker, even if only by a moment: what they chose is what it has to be better than.
    if (moved === undefined) return { compareWith: (await requireCurrent(store, model)).version };
  }
  return await finish({ version, promoted: decision?.promoted ?? false, note });
}

/** What the gate says of a registered candidate beside the version `against`, which need not be the one it knew then. */
async function decisionAgainst(
  input: DecideInput,
  { decision, decidedAgainst }: ModelVersion,
  against: number,
): Promise<ModelVersion['decision']> {
  if (decidedAgainst === undefined || decidedAgainst === against) return decision;
  const { comparison } = await requireComparison(input, against);
  return applyGate(retrainConfigOf(input.config).gate, comparison);
}

/** @throws ModalmixError `input` when the two were not compared */
async function requireComparison(
  { store, model, window }: WindowWork,
  against: number,
): Promise<WindowComparison> {
  const path = storePaths.retrainWindowComparison(model, window, against);
  const judged = await findStored(store, path, windowComparisonSchema);
  if (judged === undefined) {
    throw new ModalmixError('input', 'the candidate was not compared', { where: path });
  }
  return judged;
}

async function registerCandidate(
  input: DecideInput,
  spec: TrainingSpec,
  against: number,
): Promise<ModelVersion> {
  const { store, config, model, window, start, now } = input;
  const judged = await requireComparison(input, against);
  return await registerVersion(
    store,
    {
      ...(await versionOf(store, model, spec)),
      parent: start.parent,
      window,
      ...judged,
      decision: applyGate(retrainConfigOf(config).gate, judged.comparison),
      decidedAgainst: against,
    },
    now,
  );
}

async function requireCurrent(store: Store, model: string): Promise<ModelVersion> {
  const current = await readCurrent(store, model);
  if (current !== undefined) return current.version;
  throw new ModalmixError('input', `the model ${model} has no current version`, {
    where: storePaths.modelMoves(model),
    fix: 'Promote one: modalmix models promote, or start the retraining again.',
  });
}
