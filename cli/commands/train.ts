/** `modalmix train` and `modalmix evaluate`: one stage alone, on the dataset that the last rebuild published. */
import type { EvaluateModelOutput, TrainModelOutput } from '../../schemas/workflows.ts';
import { prepareRun } from '../../runs/prepare-run.ts';
import { publishedDataset } from '../../runs/published-dataset.ts';
import { followToEnd, type FollowFlags } from '../../runs/run-workflows.ts';
import { startTrainings, type TrainingStage } from '../../runs/start-work.ts';
import type { Screen } from '../../runs/screen.ts';
import { connect } from '../../runs/session.ts';
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
    const { workflowIds: workflows } = await session.answered(
      async () => await startTrainings(session.client, command, prepared, dataset),
    );
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
