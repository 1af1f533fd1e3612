/** The activities of an experiment: its plan, its failures, its result. */
import { buildsOf, groupsOf, sourceName } from '../pipelines/experiments/matrix.ts';
import { readExperiment } from '../pipelines/experiments/read-experiment.ts';
import { writeExperiment as writeResult } from '../pipelines/experiments/write-experiment.ts';
import { storePaths } from '../schemas/names.ts';
import {
  progressKeys,
  type ExperimentPlan,
  type NoteFailureInput,
  type RunReference,
  type WriteExperimentInput,
  type WriteExperimentOutput,
} from '../schemas/workflows.ts';
import { runStage } from './run-stage.ts';
import type { Services } from './services.ts';

/** Leaves the config of each run of the matrix where its trainings find it. */
export async function planExperiment(services: Services, input: RunReference): Promise<ExperimentPlan> {
  return await runStage(progressKeys.plan, async () => {
    const store = services.openStore(input.storeUri);
    const config = await readExperiment(store, input.runId);
    const groups = groupsOf(config);
    for (const { runId, config: run } of groups) {
      await store.put(storePaths.runConfig(runId), `${JSON.stringify(run, null, 2)}\n`);
    }
    const { builds, buildOf } = buildsOf(groups);
    return {
      seeds: config.seeds,
      datasets: builds.map(({ name, runId }) => ({ name, runId })),
      groups: groups.map((group) => ({
        runId: group.runId,
        dataset: buildOf(group),
        label: `${sourceName(group)}, ${group.condition}, ${group.fusion}`,
        methods: group.config.training.methods,
      })),
    };
  });
}

export async function noteFailure(services: Services, input: NoteFailureInput): Promise<void> {
  await runStage(progressKeys.note, async () => {
    const { runId, cellRunId, method, seed, reason } = input;
    const path = storePaths.experimentFailure(runId, cellRunId, method, seed);
    await services.openStore(input.storeUri).put(path, `${JSON.stringify({ reason })}\n`);
  });
}

export async function writeExperiment(
  services: Services,
  input: WriteExperimentInput,
): Promise<WriteExperimentOutput> {
  return await runStage(progressKeys.report, async () => {
    const store = services.openStore(input.storeUri);
    await writeResult({ store, experimentId: input.runId, datasets: input.datasets });
    const { runId } = input;
    return { report: storePaths.experimentReport(runId), summary: storePaths.experimentSummary(runId) };
  });
}
