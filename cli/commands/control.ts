/** `modalmix pause`, `resume` and `cancel`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ModalmixError } from '../../schemas/errors.ts';
import { MESSAGES } from '../../schemas/workflows.ts';
import { findRun, unknownRun } from '../runs/find-runs.ts';
import type { Screen } from '../screens/screen.ts';
import { connectToLook } from '../runs/session.ts';

export type ControlCommand = 'pause' | 'resume' | 'cancel';

const DONE_WORDS: Readonly<Record<ControlCommand, string>> = {
  pause: 'is paused: shards in work are finished, a training stops after a checkpoint.',
  resume: 'goes on.',
  cancel: 'is cancelled; what is done is kept, and starting it again goes on from there.',
};

const POLL_MS = 500;

/** @throws ModalmixError `config` when there is no such run, or it is not running */
export async function controlRun(command: ControlCommand, runId: string, screen: Screen): Promise<void> {
  const session = await connectToLook(screen);
  if (session === undefined) throw unknownRun(runId);
  try {
    const running = (await findRun(session.client, runId)).filter(({ state }) => state === 'running');
    if (running.length === 0) {
      throw new ModalmixError('config', `${runId} is not running`, {
        fix: `See it: modalmix status ${runId}`,
      });
    }
    for (const { workflowId } of running) {
      const handle = session.client.workflow.getHandle(workflowId);
      if (command !== 'cancel') {
        await handle.signal(MESSAGES[command]);
        continue;
      }
      await handle.cancel();
      // A training that is stopped first writes its checkpoint.
      while ((await handle.describe()).status.name === 'RUNNING') await sleep(POLL_MS);
    }
    screen.say(`${runId} ${DONE_WORDS[command]}`);
    screen.event(command, { runId });
  } finally {
    await session.close();
  }
}
