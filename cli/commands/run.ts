/** `modalmix run`: the main job, from clips to a report. */
import { methodWarnings } from '../../schemas/config/method-warnings.ts';
import { prepareRun } from '../../runs/prepare-run.ts';
import { followToEnd, type FollowFlags } from '../../runs/run-workflows.ts';
import { startRun } from '../../runs/start-work.ts';
import type { Screen } from '../../runs/screen.ts';
import { connect } from '../../runs/session.ts';
import { oneLine } from '../../schemas/printable.ts';
import type { RebuildAndTrainOutput } from '../../schemas/workflows.ts';
import { openBrowser, openUi, untilInterrupted } from './ui.ts';
import { targetWords } from '../text/target-words.ts';
import { showResult } from '../screens/show-result.ts';

export interface RunFlags extends FollowFlags {
  /** Watch it on a page in the browser. */
  readonly open?: boolean;
}

/** @param target a config file or a folder of clips */
export async function run(target: string, flags: RunFlags, screen: Screen): Promise<void> {
  const prepared = await prepareRun(target, screen, flags.set);
  const { runId, config } = prepared;
  for (const warning of methodWarnings(config.training)) screen.say(`Mind: ${warning}`);
  const session = await connect(screen);
  try {
    const { workflowIds, joined } = await session.answered(
      async () => await startRun(session.client, prepared),
    );
    screen.say(joined ? `Joined the running ${runId}` : `Started ${runId}`);
    screen.event(joined ? 'joined' : 'started', { runId, store: config.store });
    const page = flags.open === true ? await openUi({ storeUri: config.store }, screen) : undefined;
    if (page !== undefined) openBrowser(`${page.url}#/runs/${encodeURIComponent(runId)}`);
    const outputs = await followToEnd(
      session,
      runId,
      workflowIds,
      screen,
      flags,
      `modalmix run ${targetWords(target, flags.set)}`,
    );
    if (outputs !== undefined) {
      await showResult(prepared, screen);
      const [{ warnings = [] } = {}] = outputs as readonly Partial<RebuildAndTrainOutput>[];
      for (const warning of warnings) screen.say(`Mind: ${oneLine(warning)}`);
      if (warnings.length > 0) screen.event('warnings', { runId, warnings });
    }
    if (outputs !== undefined && page !== undefined) await untilInterrupted(page, screen);
    else await page?.close();
  } finally {
    await session.close();
  }
}
