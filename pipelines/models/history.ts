/** Everything the registry knows of one model, as the command line and the report show it. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { ModelMove, ModelVersion, RetrainWindow, WindowOutcome } from '../../schemas/retrain.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { knownModels, listMoves, listVersions } from './registry.ts';
import { findOutcome, listWindows } from './windows.ts';

export interface ModelHistory {
  readonly model: string;
  /** Each by rising number. */
  readonly versions: readonly ModelVersion[];
  readonly moves: readonly ModelMove[];
  readonly windows: readonly RetrainWindow[];
  /** What became of the windows that are done with, by number. */
  readonly outcomes: ReadonlyMap<number, WindowOutcome>;
  /** Number of the current version; undefined when none ever was. */
  readonly current: number | undefined;
}

/** @throws ModalmixError `config` naming the models there are, when this is none of them */
export async function readHistory(store: Store, model: string): Promise<ModelHistory> {
  const [versions, moves, windows] = await Promise.all([
    listVersions(store, model),
    listMoves(store, model),
    listWindows(store, model),
  ]);
  if (versions.length === 0 && windows.length === 0) {
    throw new ModalmixError('config', `there is no model "${model}"`, {
      where: `${store.uri}/${storePaths.models}`,
      fix: await knownModels(store),
    });
  }
  const outcomes = new Map<number, WindowOutcome>();
  for (const { number } of windows) {
    const outcome = await findOutcome(store, model, number);
    if (outcome !== undefined) outcomes.set(number, outcome);
  }
  return { model, versions, moves, windows, outcomes, current: moves.at(-1)?.to };
}
