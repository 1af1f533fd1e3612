import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../../infra/workers/workflow-bundle.ts';
import { decodeHistory, type History } from './recorded-history.ts';
import { installQuietRuntime } from '../support/scripted-worker.ts';

const FOLDER = new URL('./histories/', import.meta.url);
const names = (await readdir(FOLDER)).sort();

let codePath: string;
beforeAll(async () => {
  installQuietRuntime();
  codePath = await workflowBundle(tmpdir(), new DefaultLogger('ERROR'));
});

const read = async (name: string): Promise<History> =>
  decodeHistory(await readFile(new URL(name, FOLDER), 'utf8'));

describe('a run that was begun by the code as it was', () => {
  it.each(names)('goes on with the code as it is: %s', async (name) => {
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, await read(name));
  });

  it('would be told from one that takes other steps', async () => {
    const history = await read('rebuild.json');
    for (const { activityTaskScheduledEventAttributes: scheduled } of history.events ?? []) {
      if (scheduled?.activityType?.name === 'planDataset') scheduled.activityType.name = 'somethingElse';
    }
    await expect(Worker.runReplayHistory({ workflowBundle: { codePath } }, history)).rejects.toBeInstanceOf(
      DeterminismViolationError,
    );
  });
});
