/** `modalmix rebuild`: extract what is missing and publish the dataset. */
import type { RebuildDatasetOutput } from '../../schemas/workflows.ts';
import { loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { dataCounts, dataText } from '../text/data-text.ts';
import { prepareRun } from '../../runs/prepare-run.ts';
import { followToEnd, type FollowFlags } from '../../runs/run-workflows.ts';
import { startRebuild } from '../../runs/start-work.ts';
import type { Screen } from '../../runs/screen.ts';
import { connect } from '../../runs/session.ts';
import { targetWords } from '../text/target-words.ts';

/** @param target a config file or a folder of clips */
export async function rebuild(target: string, flags: FollowFlags, screen: Screen): Promise<void> {
  const prepared = await prepareRun(target, screen, flags.set);
  const { runId } = prepared;
  const session = await connect(screen);
  try {
    const { workflowIds, joined } = await session.answered(
      async () => await startRebuild(session.client, prepared),
    );
    screen.event(joined ? 'joined' : 'started', { runId, store: prepared.config.store });
    const again = `modalmix rebuild ${targetWords(target, flags.set)}`;
    const outputs = await followToEnd(session, runId, workflowIds, screen, flags, again);
    if (outputs === undefined) return;
    const output = outputs[0] as RebuildDatasetOutput;
    const { name, version } = output.dataset;
    const manifest = await loadManifest(prepared.store, name, version);
    screen.say(
      `\n${dataText(manifest)}\nDataset ${name}, version ${version}: ${String(output.shards)} shards, ${String(output.shardsBuilt)} written now.`,
    );
    screen.event('finished', { runId, ...output, data: dataCounts(manifest) });
  } finally {
    await session.close();
  }
}
