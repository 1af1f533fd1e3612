import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../../infra/workers/workflow-bundle.ts';
import { WORKFLOWS } from '../../schemas/workflows.ts';
import { NEWEST } from '../upgrades/kept-store.ts';
import { readPacked } from '../upgrades/packed-folder.ts';
import { decodeHistory, type History } from './recorded-history.ts';
import { installQuietRuntime } from '../support/scripted-worker.ts';

const FOLDER = new URL('./histories/', import.meta.url);
const names = (await readdir(FOLDER)).sort();
/** Of runs that left the store of `test/upgrades/`: real ones, by path. */
const left = new Map(
  [...readPacked(await readFile(new URL(`../upgrades/stores/${NEWEST}.store.br`, import.meta.url)))].filter(
    ([path]) => path.startsWith('histories/'),
  ),
);

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

  it.each([...left.keys()])('goes on with the code as it is: %s', async (path) => {
    const history = decodeHistory(left.get(path)!.toString('utf8'));
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history);
  });

  it('is recorded of every workflow', async () => {
    const histories = [
      ...(await Promise.all(names.map(read))),
      ...[...left.values()].map((bytes) => decodeHistory(bytes.toString('utf8'))),
    ];
    const types = histories.map(
      ({ events }) => events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name,
    );
    expect(new Set(types)).toEqual(new Set(Object.values(WORKFLOWS)));
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
