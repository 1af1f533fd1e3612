/** Starts the workflows of the main job and of its stages, or joins the ones that run: for the commands and for the API. */
import type { Client } from '@temporalio/client';
import { WORKFLOWS, workflowIds, type DatasetReference } from '../schemas/workflows.ts';
import { storeRunConfig, type PreparedRun } from './prepare-run.ts';
import { runReference, startOrJoin } from './run-workflows.ts';

export interface StartedWork {
  /** The workflows to follow, in the order of their outputs. */
  readonly workflowIds: readonly string[];
  /** One of them was running already. */
  readonly joined: boolean;
}

/** The whole job, from clips to a report. */
export async function startRun(client: Client, prepared: PreparedRun): Promise<StartedWork> {
  const { runId, config } = prepared;
  await storeRunConfig(prepared);
  const workflowId = workflowIds.run(runId);
  const input = {
    ...runReference(prepared),
    methods: [...new Set(config.training.methods)],
    seeds: [...new Set(config.training.seeds)],
  };
  const joined = await startOrJoin(client, { type: WORKFLOWS.rebuildAndTrain, workflowId, input });
  return { workflowIds: [workflowId], joined };
}

/** Extracts what is missing and publishes the dataset. */
export async function startRebuild(client: Client, prepared: PreparedRun): Promise<StartedWork> {
  await storeRunConfig(prepared);
  const workflowId = workflowIds.rebuild(prepared.runId);
  const input = runReference(prepared);
  const joined = await startOrJoin(client, { type: WORKFLOWS.rebuildDataset, workflowId, input });
  return { workflowIds: [workflowId], joined };
}

const STAGES = {
  train: { type: WORKFLOWS.trainModel, id: workflowIds.train },
  evaluate: { type: WORKFLOWS.evaluateModel, id: workflowIds.evaluate },
} as const;
export type TrainingStage = keyof typeof STAGES;

/** One stage of every method and seed of the config, on a dataset that is published. */
export async function startTrainings(
  client: Client,
  stage: TrainingStage,
  prepared: PreparedRun,
  dataset: DatasetReference,
): Promise<StartedWork> {
  const { type, id } = STAGES[stage];
  const { methods, seeds } = prepared.config.training;
  const started: string[] = [];
  let joined = false;
  for (const method of methods) {
    for (const seed of seeds) {
      const workflowId = id(prepared.runId, method, seed);
      const input = { ...runReference(prepared), dataset, method, seed };
      joined = (await startOrJoin(client, { type, workflowId, input })) || joined;
      started.push(workflowId);
    }
  }
  return { workflowIds: started, joined };
}
