/** Index → extract the shards that are missing → publish the version. */
import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import { stageLabel } from '../schemas/progress.ts';
import {
  SHARDS_PER_PAGE,
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
/** All shards in flight together tell of their progress about twice a second, however many they are. */
const REPORT_MS_PER_SHARD = 500;
const REPORT_MIN_MS = 1_000;

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
    let listed = carried?.listed ?? 0;
    const size = input.shardsInFlight ?? SHARDS_IN_FLIGHT;
    const items = carried?.shardsLeft ?? plan.shardsToBuild;
    const shardsTogether = Math.min(size, items.length + (plan.more?.shards ?? 0));
    const reportEveryMs = Math.max(REPORT_MIN_MS, REPORT_MS_PER_SHARD * shardsTogether);
    const { more } = plan;
    const nextPage =
      more &&
      (async () => {
        const count = Math.min(input.shardsPerPage ?? SHARDS_PER_PAGE, more.shards - listed);
        if (count === 0) return [];
        const page = { ...reference(input), dataset, list: more.list, from: listed, count };
        const { shards } = await controlActivities(input).listShards(page);
        listed += count;
        return shards;
      });
    const shardsLeft = await inWindow({
      items,
      size,
      mayStart: async () => {
        await control.untilResumed();
        return !historyIsLong(input);
      },
      ...(nextPage === undefined ? {} : { more: nextPage }),
      work: async (shardIndex) => {
        const shard = await media.extractShard({ ...reference(input), dataset, shardIndex, reportEveryMs });
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
        carried: { plan: { ...plan, shardsToBuild: [] }, shardsLeft, listed, built, paused: control.paused },
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
