/** `modalmix pause`, `resume` and `cancel`. */
import { controlRuns, type ControlCommand } from '../../runs/control-runs.ts';
import { unknownRun } from '../../runs/find-runs.ts';
import type { Screen } from '../../runs/screen.ts';
import { connectToLook } from '../../runs/session.ts';

const DONE_WORDS: Readonly<Record<ControlCommand, string>> = {
  pause: 'is paused: shards in work are finished, a training stops after a checkpoint.',
  resume: 'goes on.',
  cancel: 'is cancelled; what is done is kept, and starting it again goes on from there.',
};

/** @throws ModalmixError `config` when there is no such run, or it is not running */
export async function controlRun(command: ControlCommand, runId: string, screen: Screen): Promise<void> {
  const session = await connectToLook(screen);
  if (session === undefined) throw unknownRun(runId);
  try {
    await controlRuns(session.client, command, runId);
    screen.say(`${runId} ${DONE_WORDS[command]}`);
    screen.event(command, { runId });
  } finally {
    await session.close();
  }
}
