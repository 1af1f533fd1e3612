/** `modalmix status`: the runs, or one run's stages. */
import { describeError } from '../../schemas/errors.ts';
import { findRun, listRuns, type FoundRun } from '../runs/find-runs.ts';
import { progressOf } from '../runs/follow.ts';
import type { Screen } from '../screens/screen.ts';
import { connect } from '../runs/session.ts';
import { duration, stageFacts } from '../text/stage-text.ts';

export async function status(runId: string | undefined, screen: Screen): Promise<void> {
  const session = await connect(screen);
  try {
    if (runId === undefined) {
      const runs = await listRuns(session.client);
      if (runs.length === 0)
        screen.say('No runs yet. Start one: modalmix run <config.yaml or folder of clips>');
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
        screen.say(`  ${mark} ${stage.label.padEnd(26)} ${facts}`);
      }
      if (progress.note !== undefined) screen.say(`  ${progress.note}`);
      const failure = one.state === 'running' ? session.workerFailure() : undefined;
      if (failure !== undefined) screen.say(`  ${describeError(failure)}`);
      screen.event('run', { ...one, progress });
    }
  } finally {
    await session.close();
  }
}

function describe(run: FoundRun): string {
  const seconds = ((run.closedAt ?? new Date()).getTime() - run.startedAt.getTime()) / 1000;
  return `${run.runId}  ${run.type}  ${run.state}  since ${run.startedAt.toISOString()}, ${duration(seconds)}`;
}
