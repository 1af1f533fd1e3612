/** Index → extract the shards that are missing → publish the version. */
import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { stageLabel } from '../schemas/progress.ts';
import {
  progressKeys,
  type BuiltCounts,
  type RebuildDatasetInput,
  type RebuildDatasetOutput,
} from '../schemas/workflows.ts';
import { controlActivities, mediaActivities } from './activity-proxies.ts';
import { Control } from './control.ts';
import { StageBoard, type StageSeed } from './stage-board.ts';
import { inWindow } from './window.ts';

/** Enough to keep many workers busy; how many run at once is decided by the workers' slots. */
const SHARDS_IN_FLIGHT = 32;

export const REBUILD_STAGES: readonly StageSeed[] = [
  { stage: 'index', unit: 'clips' },
  { stage: 'extract', unit: 'clips' },
  { stage: 'publish', unit: 'items' },
];
const INDEX = stageLabel('index');
const EXTRACT = stageLabel('extract');
const PUBLISH = stageLabel('publish');

export async function rebuildDataset(input: RebuildDatasetInput): Promise<RebuildDatasetOutput> {
  const { carried } = input;
  const board = new StageBoard(REBUILD_STAGES);
  const control = new Control({ runId: input.runId, board, stageOf, paused: carried?.paused ?? false });
  const media = mediaActivities(input);

  return await control.run(async () => {
    board.start(INDEX);
    await control.untilResumed();
    const plan = carried?.plan ?? (await media.planDataset(input));
    board.finish(INDEX, plan.clips);

    let built: BuiltCounts = carried?.built ?? { shards: 0, clips: 0, quarantined: 0 };
    const { dataset } = plan;
    board.start(EXTRACT, plan.clips, plan.clipsReused);
    board.advance(EXTRACT, 'carried', built.clips);
    const shardsLeft = await inWindow({
      items: carried?.shardsLeft ?? plan.shardsToBuild,
      size: SHARDS_IN_FLIGHT,
      mayStart: async () => {
        await control.untilResumed();
        return !historyIsLong(input);
      },
      work: async (shardIndex) => {
        const shard = await media.extractShard({ ...reference(input), dataset, shardIndex });
        board.advance(EXTRACT, progressKeys.shard(shardIndex), shard.clips);
        built = {
          shards: built.shards + 1,
          clips: built.clips + shard.clips,
          quarantined: built.quarantined + shard.quarantined,
        };
      },
    });
    if (shardsLeft.length > 0) {
      return await continueAsNew<typeof rebuildDataset>({
        ...input,
        carried: { plan: { ...plan, shardsToBuild: [] }, shardsLeft, built, paused: control.paused },
      });
    }
    board.finish(EXTRACT, plan.clips);

    board.start(PUBLISH, 1);
    await control.untilResumed();
    const published = await controlActivities(input).publishDataset({ ...reference(input), dataset });
    board.finish(PUBLISH);
    return {
      dataset,
      shards: plan.shards,
      shardsBuilt: built.shards,
      clips: published.clips,
      clipsReused: plan.clipsReused,
      quarantined: published.quarantined,
    };
  });
}

function historyIsLong({ historyEvents }: RebuildDatasetInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > (historyEvents ?? Infinity);
}

function stageOf(key: string): string | undefined {
  if (key === progressKeys.index) return INDEX;
  return key === progressKeys.publish ? PUBLISH : EXTRACT;
}

function reference({ storeUri, runId }: RebuildDatasetInput) {
  return { storeUri, runId };
}
