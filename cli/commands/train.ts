/** `modalmix train` and `modalmix evaluate`: one stage alone, on the dataset that the last rebuild published. */
import { findRunDataset } from '../../pipelines/shards/manifest/load-manifest.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetReference, EvaluateModelOutput, TrainModelOutput } from '../../schemas/workflows.ts';
import { prepareRun, type PreparedRun } from '../runs/prepare-run.ts';
import { followToEnd, type FollowFlags } from '../runs/run-workflows.ts';
import { startTrainings, type TrainingStage } from '../runs/start-work.ts';
import type { Screen } from '../screens/screen.ts';
import { connect } from '../runs/session.ts';
import { targetWords } from '../text/target-words.ts';

const TELL: Readonly<Record<TrainingStage, (output: unknown) => string>> = {
  train: (output) => {
    const { trainingId, steps, weightsSha256 } = output as TrainModelOutput;
    return `${trainingId}: ${String(steps)} steps, weights ${weightsSha256.slice(0, 16)}`;
  },
  evaluate: (output) => {
    const { trainingId, accuracy, samples } = output as EvaluateModelOutput;
    return `${trainingId}: ${(100 * accuracy).toFixed(1)} % of ${String(samples)} test clips`;
  },
};

/** Every method and seed of the config, side by side as the workers' slots allow. */
export async function trainOrEvaluate(
  command: TrainingStage,
  target: string,
  flags: FollowFlags,
  screen: Screen,
): Promise<void> {
  const prepared = await prepareRun(target, screen, flags.set);
  const { runId } = prepared;
  const dataset = await publishedDataset(prepared, targetWords(target, flags.set));
  const session = await connect(screen);
  try {
    const { workflowIds: workflows } = await startTrainings(session.client, command, prepared, dataset);
    screen.event('started', { runId, workflows });
    const again = `modalmix ${command} ${targetWords(target, flags.set)}`;
    const outputs = await followToEnd(session, runId, workflows, screen, flags, again);
    if (outputs === undefined) return;
    for (const output of outputs) screen.say(TELL[command](output));
    screen.event('finished', { runId, outputs });
  } finally {
    await session.close();
  }
}

/**
 * @param target as a person would type it
 * @throws ModalmixError `config` when the run's dataset was never built
 */
export async function publishedDataset(
  { store, runId }: Pick<PreparedRun, 'store' | 'runId'>,
  target: string,
): Promise<DatasetReference> {
  const dataset = await findRunDataset(store, runId);
  if (dataset === undefined) {
    throw new ModalmixError('config', 'its dataset has not been built', {
      where: target,
      fix: `Run "modalmix rebuild ${target}" first, or "modalmix run ${target}" for everything.`,
    });
  }
  return dataset;
}
