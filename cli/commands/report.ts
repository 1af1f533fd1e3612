/** `modalmix report`: writes a run's report again from what is in the store. */
import { access } from 'node:fs/promises';
import { readRunConfig } from '../../activities/run-config.ts';
import { reportOf } from '../../activities/write-run-report.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { trainingSpecs } from '../../pipelines/training/training-spec.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import { findRun, unknownRun } from '../../runs/find-runs.ts';
import { prepareRun, type PreparedRun } from '../../runs/prepare-run.ts';
import type { TargetFlags } from '../../runs/run-workflows.ts';
import type { Screen } from '../../runs/screen.ts';
import { connectToLook } from '../../runs/session.ts';
import { showResult } from '../screens/show-result.ts';
import { targetWords } from '../text/target-words.ts';
import { publishedDataset } from '../../runs/published-dataset.ts';

/**
 * @param target a run's id, a config file or a folder of clips
 * @throws ModalmixError `config` when one of the run's trainings is not evaluated on the dataset built last
 */
export async function report(target: string, flags: TargetFlags, screen: Screen): Promise<void> {
  const isRunId = looksLikeRunId(target, await isThere(target));
  if (isRunId && flags.set !== undefined) {
    throw new ModalmixError('config', 'it sets a value in a config, and the target is a run', {
      where: '--set',
      fix: 'Name its config file in place of its id, or leave --set out.',
    });
  }
  const prepared = isRunId ? await knownRun(target, screen) : await prepareRun(target, screen, flags.set);
  const { store, runId, config } = prepared;
  const dataset = await publishedDataset(prepared, targetWords(target, flags.set));
  for (const { trainingId, method, seed } of trainingSpecs(config, dataset)) {
    if ((await store.find(storePaths.evaluation(trainingId))) !== undefined) continue;
    throw new ModalmixError(
      'config',
      `${method}, seed ${String(seed)}, is not trained and evaluated on the dataset built last`,
      { where: runId, fix: 'Start it again: "modalmix run" with its config file or folder.' },
    );
  }
  await reportOf(store, runId, dataset);
  await showResult(prepared, screen);
}

function looksLikeRunId(target: string, isFile: boolean): boolean {
  return !isFile && !/[/\\]|\.ya?ml$/u.test(target);
}

async function knownRun(runId: string, screen: Screen): Promise<PreparedRun> {
  const session = await connectToLook(screen);
  if (session === undefined) throw unknownRun(runId);
  try {
    const [found] = await findRun(session.client, runId);
    if (found?.storeUri === undefined) {
      throw new ModalmixError('config', 'it is not known where this run keeps its files', {
        where: runId,
        fix: 'Give its config file instead.',
      });
    }
    const store = openStore(found.storeUri);
    return { runId: found.runId, store, config: await readRunConfig(store, found.runId) };
  } finally {
    await session.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
