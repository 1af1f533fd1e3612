/** `modalmix status`: the runs, or one run's stages. */
import { describeError } from '../../schemas/errors.ts';
import { findRun, listRuns, unknownRun, type FoundRun } from '../../runs/find-runs.ts';
import { listNotices } from '../../runs/list-notices.ts';
import { progressOf } from '../../runs/follow.ts';
import type { Screen } from '../../runs/screen.ts';
import { connectToLook } from '../../runs/session.ts';
import { duration, stageFacts } from '../text/stage-text.ts';
import { oneLine } from '../../schemas/printable.ts';

const NO_RUNS = 'No runs yet. Start one: modalmix run <config.yaml or folder of clips>';

/** @throws ModalmixError `config` when there is no such run */
export async function status(runId: string | undefined, screen: Screen): Promise<void> {
  const session = await connectToLook(screen);
  if (session === undefined) {
    if (runId !== undefined) throw unknownRun(runId);
    screen.say(NO_RUNS);
    return;
  }
  try {
    if (runId === undefined) {
      const runs = await listRuns(session.client);
      if (runs.length === 0) screen.say(NO_RUNS);
      for (const one of runs) {
        screen.say(describe(one));
        screen.event('run', { ...one });
      }
      return;
    }
    for (const one of await findRun(session.client, runId)) {
      const progress = await progressOf(session.client, [one.workflowId]);
      screen.say(describe({ ...one, state: one.state === 'running' ? progress.state : one.state }));
      for (const stage of progress.stages) {
        const ended = one.state !== 'running' && stage.state !== 'done';
        const mark = ended ? '✗' : { done: '✔', running: '·', pending: ' ' }[stage.state];
        const facts = ended ? 'not done' : stageFacts(stage);
        screen.say(`  ${mark} ${oneLine(stage.label).padEnd(26)} ${facts}`);
        if (stage.note !== undefined) screen.say(`    ${oneLine(stage.note)}`);
      }
      if (progress.note !== undefined) screen.say(`  ${progress.note}`);
      const failure = one.state === 'running' ? session.workerFailure() : undefined;
      if (failure !== undefined) screen.say(`  ${describeError(failure)}`);
      screen.event('run', { ...one, progress });
    }
    for (const notice of await listNotices(session.client, runId)) {
      if (notice.state !== 'completed') {
        screen.say(
          `  ${notice.what}: ${notice.state}${notice.reason === undefined ? '' : `, ${oneLine(notice.reason)}`}`,
        );
      }
      screen.event('notice', { ...notice });
    }
  } finally {
    await session.close();
  }
}

function describe(run: FoundRun): string {
  const seconds = ((run.closedAt ?? new Date()).getTime() - run.startedAt.getTime()) / 1000;
  return `${oneLine(run.runId)}  ${run.type}  ${run.state}  since ${run.startedAt.toISOString()}, ${duration(seconds)}`;
}
