/** The contract for other programs: the example in Python, on a real server with the project's own worker. */
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { listRuns } from '../../runs/find-runs.ts';
import { progressOf, unwrapFailure } from '../../runs/follow.ts';
import { connect, type Session } from '../../runs/session.ts';
import { contractJsonSchema } from '../../schemas/contract.ts';
import { testPython } from '../reference/python.ts';
import { pidsOf } from '../support/processes.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

const RUN = 'begun-by-python';
const SILENT = {
  say: () => undefined,
  event: () => undefined,
  progress: () => undefined,
  close: () => undefined,
};

let project: Project;
let clips: string;
let session: Session;
let config: string;

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips({ clipsPerClass: 6 });
  config = join(project.folder, 'run.json');
  const store = join(project.folder, 'store');
  await writeFile(config, JSON.stringify(tinyConfig(clips, store, { epochs: 1 })));
  // Server and worker, as any command starts them.
  session = await connect(SILENT);
}, 180_000);
afterAll(async () => {
  await session.close();
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

const storeUri = () => `file:${join(project.folder, 'store')}`;

const python = async (env: Record<string, string> = {}, runId = RUN) => {
  const script = join(PROJECT_FOLDER, 'examples/python/start_run.py');
  const words = [script, '--store', storeUri(), '--config', config, '--run-id', runId];
  return await execa(testPython(), words, { reject: false, cwd: project.folder, env });
};

it('is kept as JSON schemas beside the docs', async () => {
  const file = join(PROJECT_FOLDER, 'docs/contract.schema.json');
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(contractJsonSchema());
});

it('a run that Python starts is done by our workers, followed by its query, and known to our commands', async () => {
  const { exitCode, stdout, stderr } = await python();
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  const lines = stdout.split('\n');
  const result = JSON.parse(lines.at(-1)!) as { report: string; trainingIds: string[] };
  const ajv = new Ajv2020();
  ajv.addSchema({ $id: 'contract', ...contractJsonSchema() });
  const isA = (name: string, value: unknown) => ajv.validate({ $ref: `contract#/$defs/${name}` }, value);
  expect(isA('RebuildAndTrainOutput', result)).toBe(true);
  expect(lines).toEqual(expect.arrayContaining(['train b-mm seed 0: running']));
  const store = project.store('store');
  expect(await store.exists(result.report)).toBe(true);
  expect(await store.exists(`runs/${result.trainingIds[0]!}/model.safetensors`)).toBe(true);
  expect(await listRuns(session.client)).toMatchObject([
    { runId: RUN, state: 'completed', type: 'rebuildAndTrain', storeUri: storeUri() },
  ]);
  const progress = await progressOf(session.client, [RUN]);
  expect(progress.state).toBe('completed');
  expect(isA('Progress', JSON.parse(JSON.stringify(progress)))).toBe(true);
}, 240_000);

it('with another key it is refused, and nothing is read', async () => {
  const file = join(project.folder, 'other.keys');
  await writeFile(file, randomBytes(32).toString('base64'));
  const { exitCode } = await python({ MODALMIX_SIGNING_KEYS_FILE: file }, 'forged');
  expect(exitCode).not.toBe(0);
  const failure: unknown = await session.client.workflow
    .getHandle('forged')
    .result()
    .catch((error: unknown) => error);
  if (!(failure instanceof WorkflowFailedError)) throw new Error('it did not fail');
  expect(unwrapFailure(failure).message).toContain('refused, and nothing was read: its signature is wrong');
  expect(await project.store('store').list('runs/forged')).toEqual(['runs/forged/config.json']);
}, 120_000);

it('a question to a server that is killed with all that would start it again is answered once it is back', async () => {
  const runs = await listRuns(session.client);
  for (const words of [['supervisor-main'], ['temporal', 'start-dev']]) {
    for (const pid of pidsOf(join(project.folder, 'home'), ...words)) process.kill(pid, 'SIGKILL');
  }
  const again = await session.answered(async () => await listRuns(session.client));
  expect(again.map(({ runId }) => runId)).toEqual(runs.map(({ runId }) => runId));
  expect(again).toContainEqual(expect.objectContaining({ runId: RUN }));
}, 120_000);
