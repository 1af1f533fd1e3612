/** Which trials a rung trains: all of them, or the best of the rung before. */
import type { RunConfig } from '../../schemas/config/config.ts';
import type { RungTrials, SearchConfig } from '../../schemas/config/search.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetReference } from '../../schemas/manifest.ts';
import { storePaths } from '../../schemas/names.ts';
import { runIdOf } from '../config/run-id.ts';
import { loadManifest } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { collectRung, rungEpochs } from './collect-trials.ts';
import { rankTrials, rungsOf } from './halving.ts';
import { readSearch } from './read-search.ts';
import { trialRun, trialsOf, type Trial } from './trial-config.ts';

/**
 * Leaves the rung's trials and the config of each in the store. The rung before must be through; a trial of it that is
 * not done goes no further.
 *
 * @param rung from 0
 * @throws ModalmixError `config` when the dataset has no validation split
 */
export async function planRung(input: {
  readonly store: Store;
  readonly searchId: string;
  readonly dataset: DatasetReference;
  readonly rung: number;
}): Promise<RungTrials> {
  const { store, searchId, dataset, rung } = input;
  const { config, base } = await readSearch(store, searchId);
  const { epochs } = rungsOf(config, base.training.epochs)[rung]!;
  if (rung === 0) await assertValidation(store, dataset);
  const chosen = await chooseTrials({ ...input, config, base });
  const planned: RungTrials = [];
  for (const { method, trials } of chosen) {
    const runs: RungTrials[number]['trials'] = [];
    for (const { trial, values } of trials) {
      const run = trialRun(config, method, values, rungEpochs(config, epochs));
      const runId = runIdOf(run);
      await store.put(storePaths.runConfig(runId), `${JSON.stringify(run, null, 2)}\n`);
      runs.push({ trial, runId });
    }
    planned.push({ method, trials: runs });
  }
  await store.put(storePaths.searchRung(searchId, rung), `${JSON.stringify(planned)}\n`);
  return planned;
}

/** The trials of each method, in order of number. */
async function chooseTrials(input: {
  readonly store: Store;
  readonly searchId: string;
  readonly dataset: DatasetReference;
  readonly rung: number;
  readonly config: SearchConfig;
  readonly base: RunConfig;
}) {
  const { rung, config, base } = input;
  const all = config.methods.map((method) => ({ method, trials: trialsOf(config, method) }));
  if (rung === 0) return all;
  const rungs = rungsOf(config, base.training.epochs);
  const before = await collectRung({ ...input, rung: rung - 1, epochs: rungs[rung - 1]!.epochs });
  return all.map(({ method, trials }) => {
    const own = before.filter((one) => one.method === method);
    const best = rankTrials(own, config.metric).slice(0, rungs[rung]!.trials);
    const goesOn = ({ trial }: Trial) => best.some((one) => one.trial === trial);
    return { method, trials: trials.filter(goesOn) };
  });
}

async function assertValidation(store: Store, { name, version }: DatasetReference): Promise<void> {
  const { splits } = await loadManifest(store, name, version);
  if (splits.validation.rows > 0) return;
  throw new ModalmixError('config', 'the dataset has no validation clips, by which a search chooses', {
    where: storePaths.manifest(name, version),
    fix: 'Raise dataset.validationShare, or give the list a validation split.',
  });
}
