/** The activities of a search: its plan, its rungs, its failures, its result. */
import { runIdOf } from '../pipelines/config/run-id.ts';
import { readRung } from '../pipelines/searches/collect-trials.ts';
import { rungsOf } from '../pipelines/searches/halving.ts';
import { planRung as chooseTrials } from '../pipelines/searches/plan-rung.ts';
import { readSearch } from '../pipelines/searches/read-search.ts';
import { trialsOf } from '../pipelines/searches/trial-config.ts';
import { writeSearch as writeResult } from '../pipelines/searches/write-search.ts';
import { storePaths } from '../schemas/names.ts';
import {
  progressKeys,
  type ListRungInput,
  type ListRungOutput,
  type NoteTrialFailureInput,
  type PlanRungInput,
  type PlanRungOutput,
  type RunReference,
  type SearchPlan,
  type WriteSearchInput,
  type WriteSearchOutput,
} from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/** Leaves the base as a run's config, whose rebuild finds it; and says how much there is to train at most. */
export async function planSearch(services: Services, input: RunReference): Promise<SearchPlan> {
  return await runStage(progressKeys.plan, async () => {
    const store = services.openStore(input.storeUri);
    const { config, base } = await readSearch(store, input.runId);
    const build = runIdOf(base);
    await store.put(storePaths.runConfig(build), `${JSON.stringify(base, null, 2)}\n`);
    const trials = config.methods.map((method) => trialsOf(config, method).length);
    return {
      build,
      rungs: rungsOf(config, base.training.epochs).map(({ epochs, trials: most }) => ({
        epochs,
        trainings: config.seeds.length * trials.reduce((sum, own) => sum + Math.min(own, most), 0),
      })),
    };
  });
}

export async function planRung(services: Services, input: PlanRungInput): Promise<PlanRungOutput> {
  return await runStage(progressKeys.plan, async () => {
    const { storeUri, runId: searchId, dataset, rung } = input;
    const store = services.openStore(storeUri);
    const { config } = await readSearch(store, searchId);
    const planned = await chooseTrials({ store, searchId, dataset, rung });
    const trials = planned.reduce((sum, one) => sum + one.trials.length, 0);
    return { trainings: trials * config.seeds.length };
  });
}

/** A part of a rung's trainings: trial by trial, and the methods of each side by side. */
export async function listRung(services: Services, input: ListRungInput): Promise<ListRungOutput> {
  return await runStage(progressKeys.plan, async () => {
    const store = services.openStore(input.storeUri);
    const { config } = await readSearch(store, input.runId);
    const rung = await readRung(store, input.runId, input.rung);
    const trainings = rung
      .flatMap(({ method, trials }) => trials.map((one) => ({ ...one, method })))
      .sort((a, b) => a.trial - b.trial)
      .flatMap(({ runId, method, trial }) => config.seeds.map((seed) => ({ runId, method, seed, trial })));
    return { trainings: trainings.slice(input.from, input.from + input.count) };
  });
}

export async function noteTrialFailure(services: Services, input: NoteTrialFailureInput): Promise<void> {
  await runStage(progressKeys.note, async () => {
    const { runId: searchId, training, reason } = input;
    const path = storePaths.searchFailure(searchId, training.runId, training.method, training.seed);
    await services.openStore(input.storeUri).put(path, `${JSON.stringify({ reason })}\n`);
  });
}

export async function writeSearch(services: Services, input: WriteSearchInput): Promise<WriteSearchOutput> {
  return await runStage(progressKeys.report, async () => {
    const { storeUri, runId: searchId, dataset } = input;
    await writeResult({ store: services.openStore(storeUri), searchId, dataset });
    return { report: storePaths.searchReport(searchId), summary: storePaths.searchSummary(searchId) };
  });
}
