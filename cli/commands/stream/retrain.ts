/** `modalmix stream retrain`: a model kept trained from what comes by stream. */
import { retrainConfigOf } from '../../../pipelines/models/retrain-window.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { MESSAGES, WORKFLOWS, workflowIds, type StreamRetrainInput } from '../../../schemas/workflows.ts';
import { findRun } from '../../../runs/find-runs.ts';
import { prepareRun, storeRunConfig, type PreparedRun } from '../../../runs/prepare-run.ts';
import {
  followToEnd,
  runReference,
  startOrJoin,
  type FollowFlags,
  type TargetFlags,
} from '../../../runs/run-workflows.ts';
import type { Screen } from '../../../runs/screen.ts';
import { connect, type Session } from '../../../runs/session.ts';
import { targetWords } from '../../text/target-words.ts';

/** The registry's name for the model that a run's stream keeps trained. */
export function modelNameOf({ config }: Pick<PreparedRun, 'config'>): string {
  return retrainConfigOf(config).model ?? config.name;
}

/** Starts or joins it; the main job runs first where the model has no version yet. */
export async function startRetraining(
  session: Session,
  prepared: PreparedRun,
): Promise<{ readonly workflowId: string; readonly joined: boolean }> {
  const { runId, config } = prepared;
  const workflowId = workflowIds.retrain(runId);
  const input: StreamRetrainInput = {
    ...runReference(prepared),
    methods: [...new Set(config.training.methods)],
    seeds: [...new Set(config.training.seeds)],
    model: modelNameOf(prepared),
  };
  await storeRunConfig(prepared);
  const joined = await session.answered(
    async () => await startOrJoin(session.client, { type: WORKFLOWS.streamRetrain, workflowId, input }),
  );
  return { workflowId, joined };
}

export async function retrain(target: string, flags: FollowFlags, screen: Screen): Promise<void> {
  const prepared = await prepareRun(target, screen, flags.set);
  const { runId } = prepared;
  const session = await connect(screen);
  try {
    const { workflowId, joined } = await startRetraining(session, prepared);
    const model = modelNameOf(prepared);
    screen.say(`${joined ? 'Joined' : 'Started'} the retraining of ${model}; it goes on until cancelled.`);
    screen.event(joined ? 'joined' : 'started', { runId, model });
    const again = `modalmix stream retrain ${targetWords(target, flags.set)}`;
    await followToEnd(session, runId, [workflowId], screen, flags, again);
  } finally {
    await session.close();
  }
}

/** @throws ModalmixError `config` when no retraining of it runs */
export async function closeWindow(target: string, flags: TargetFlags, screen: Screen): Promise<void> {
  const { runId } = await prepareRun(target, screen, flags.set);
  const session = await connect(screen);
  try {
    const workflowId = workflowIds.retrain(runId);
    const running = (await findRun(session.client, workflowId)).some(({ state }) => state === 'running');
    if (!running) {
      throw new ModalmixError('config', 'its retraining is not running', {
        where: target,
        fix: `Start it: modalmix stream retrain ${targetWords(target, flags.set)}`,
      });
    }
    await session.client.workflow.getHandle(workflowId).signal(MESSAGES.closeWindow);
    screen.say('The open window closes with the clips that are in shards; an empty one stays open.');
    screen.event('close-window', { runId });
  } finally {
    await session.close();
  }
}
