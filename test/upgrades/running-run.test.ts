/** A run that one worker began goes on with a worker of other code, on a real server. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../schemas/names.ts';
import { WORKFLOWS, workflowIds } from '../../schemas/workflows.ts';
import { installQuietRuntime, withScriptedWorkers } from '../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { TRAINING, resumableTraining } from '../workflows/scripts.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 600_000;
const PATIENCE_MS = 240_000;
const STEPS = 600;
const { EventType } = proto.temporal.api.enums.v1;

let server: TestServer;
let folder: string;
/** The workflows as they were before a wait was an activity: what `patched` decides, decided the other way. */
let codeOfBefore: string;

beforeAll(async () => {
  installQuietRuntime();
  folder = await mkdtemp(join(tmpdir(), 'modalmix-upgrade-'));
  for (const part of ['workflows', 'schemas', 'package.json', 'tsconfig.json'])
    await cp(join(PROJECT, part), join(folder, part), { recursive: true });
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'workflows/run-child.ts');
  const now = await readFile(file, 'utf8');
  const before = now.replace('if (patched(WAITS_BY_ACTIVITY))', 'if (Number(patched.length) > 99)');
  expect(before).not.toBe(now);
  await writeFile(file, before);
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(folder, 'workflows/index.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  codeOfBefore = join(folder, 'before.js');
  await writeFile(codeOfBefore, code);
  server = await startTestServer();
}, TIMEOUT_MS);
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Does something while one worker is there, of the code of now or of before. */
async function beside(
  code: 'now' | 'before',
  script: Parameters<typeof withScriptedWorkers>[1],
  work: () => Promise<void>,
  identity: string = code,
): Promise<void> {
  const bundle = code === 'before' ? codeOfBefore : undefined;
  await withScriptedWorkers(server.address, script, work, identity, undefined, bundle);
}

async function eventsOf(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).map((event) => (EventType[event.eventType ?? 0] ?? '').slice('EVENT_TYPE_'.length));
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(100);
  }
}

/** A training that goes on until `steps`, and a run that waits for it. */
async function beginWaiting(name: string): Promise<WorkflowHandle> {
  const { client } = server;
  const run = { storeUri: 'file:/nowhere', runId: name };
  await client.workflow.start(WORKFLOWS.trainModel, {
    workflowId: workflowIds.train(name, 'b-mm', 0),
    taskQueue: TASK_QUEUES.control,
    args: [{ ...run, ...TRAINING }],
  });
  return await client.workflow.start(WORKFLOWS.rebuildAndTrain, {
    workflowId: workflowIds.run(name),
    taskQueue: TASK_QUEUES.control,
    args: [{ ...run, methods: ['b-mm'], seeds: [0] }],
  });
}

it('begun by the code of before, ends with the code of now', { timeout: TIMEOUT_MS }, async () => {
  const { script, checkpoint } = resumableTraining(STEPS);
  let handle: WorkflowHandle;
  await beside('before', script, async () => {
    handle = await beginWaiting('upgraded');
    await until('a wait by timers', async () => (await eventsOf(handle)).includes('TIMER_FIRED'));
  });
  const before = await eventsOf(handle!);
  expect(before).not.toContain('MARKER_RECORDED');
  expect(checkpoint.step).toBeLessThan(STEPS);
  await beside('now', script, async () => {
    await handle.result();
  });
  expect(checkpoint.step).toBe(STEPS);
  const after = await eventsOf(handle!);
  expect(after.slice(0, before.length)).toEqual(before);
  expect(after.at(-1)).toBe('WORKFLOW_EXECUTION_COMPLETED');
});

it(
  'begun by the code of now, waits while only a worker of the code of before is there, and is not lost',
  { timeout: TIMEOUT_MS },
  async () => {
    const { script, checkpoint } = resumableTraining(STEPS);
    let handle: WorkflowHandle;
    await beside('now', script, async () => {
      handle = await beginWaiting('downgraded');
      await until('a wait by activity', async () => (await eventsOf(handle)).includes('MARKER_RECORDED'));
    });
    await beside('before', script, async () => {
      // Wakes the run: its code is looked at again.
      await handle.signal('resume');
      await until('a refusal', async () => (await eventsOf(handle)).includes('WORKFLOW_TASK_FAILED'));
    });
    expect((await handle!.describe()).status.name).toBe('RUNNING');
    await beside(
      'now',
      script,
      async () => {
        await handle.result();
      },
      'now again',
    );
    expect((await handle!.describe()).status.name).toBe('COMPLETED');
    expect(checkpoint.step).toBe(STEPS);
  },
);
