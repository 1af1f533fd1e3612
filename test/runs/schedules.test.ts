/** Schedules on a real server: what starts by the clock, and what does not. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSchedule } from '../../activities/check-schedule.ts';
import type { Services } from '../../activities/services.ts';
import { isBusy } from '../../infra/supervisor/is-busy.ts';
import { keyOf } from '../../infra/temporal/keys.ts';
import {
  dataConverterOf,
  schedulingInterceptor,
  sealingInterceptor,
  type Protection,
} from '../../infra/temporal/protection.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { controlRuns } from '../../runs/control-runs.ts';
import { findRun, listRuns } from '../../runs/find-runs.ts';
import { unwrapFailure } from '../../runs/follow.ts';
import type { PreparedRun } from '../../runs/prepare-run.ts';
import { addSchedule, changeSchedules, listSchedules, removeSchedules } from '../../runs/schedules.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Overlap, ScheduledWork } from '../../schemas/schedules.ts';
import { scheduleId } from '../../schemas/schedules.ts';
import { MESSAGES, WORKFLOWS, workflowIds } from '../../schemas/workflows.ts';
import { until } from '../support/observe.ts';
import { withScriptedWorkers, type ScriptedActivities } from '../support/scripted-worker.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';
import { resumableTraining, retraining } from '../workflows/scripts.ts';

/** With seconds and years: often enough for a test. */
const EACH_SECOND = '* * * * * * *';
const NIGHTLY = '0 3 * * *';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), 'modalmix-schedules-'));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const [key, otherKey, codecKey] = [1, 2, 3].map(() => keyOf(randomBytes(32))) as [Key, Key, Key];
type Key = ReturnType<typeof keyOf>;
const signed: Protection = { namespace: 'default', signing: () => [key] };
const secret: Protection = { ...signed, encryption: () => [codecKey] };

const clientOf = (protection: Protection) =>
  new Client({
    connection: server.client.connection,
    dataConverter: dataConverterOf(protection),
    interceptors: {
      workflow: [sealingInterceptor(protection)],
      schedule: [schedulingInterceptor(protection)],
    },
  });

let number = 0;
function aRun(): PreparedRun {
  const name = `clips-${String((number += 1))}`;
  const store = openStore(`file:${join(folder, name)}`);
  const config = runConfigSchema.parse({
    name,
    store: store.uri,
    dataset: { format: 'folder', root: folder },
    training: { methods: ['b-mm'], seeds: [0] },
  });
  return { runId: `${name}-1a2b3c4d`, config, store };
}

const services = { openStore } as unknown as Services;
const withCheck = (script: Partial<ScriptedActivities>): Partial<ScriptedActivities> => ({
  ...script,
  checkSchedule: async (input) => {
    await checkSchedule(services, input);
  },
});

const options = (cron: string, overlap: Overlap = 'skip', work: ScheduledWork = 'rebuild') => ({
  work,
  cron,
  overlap,
});

const stateOf = async (client: Client, runId: string) => {
  const runs = await listRuns(client);
  return runs.filter((one) => one.runId === runId).map(({ state }) => state);
};

describe('a schedule', () => {
  it('is listed with its times, state and overlap; paused, resumed, replaced and removed', async () => {
    const client = clientOf(signed);
    const run = aRun();
    const timezone = 'Europe/Berlin';
    expect(await addSchedule(client, run, { ...options(NIGHTLY, 'buffer-one'), timezone })).toBe(false);
    const mine = async () => (await listSchedules(client)).find(({ runId }) => runId === run.runId);
    await until('the list to know it', async () => (await mine()) !== undefined);
    const added = await mine();
    expect(added).toMatchObject({
      ...{ work: 'rebuild', cron: NIGHTLY, timezone, overlap: 'buffer-one', state: 'active' },
      ...{ last: undefined, running: [], skipped: 0 },
    });
    // Three in the morning in Berlin is one or two in the morning by UTC.
    expect(added!.next!.toISOString()).toMatch(/T0[12]:00:00\.000Z$/u);
    expect(await isBusy({ connection: { address: server.address }, namespace: 'default' })).toBe(true);

    await changeSchedules(client, 'pause', run.runId);
    expect(await mine()).toMatchObject({ state: 'paused', next: undefined });
    await until('the server to need nobody', async () => {
      const connection = { address: server.address };
      return !(await isBusy({ connection, namespace: 'default' }));
    });
    // Who replaces it keeps it paused; what the server does not take leaves it as it is.
    await expect(addSchedule(client, run, options('99 3 * * *'))).rejects.toThrow('takes no schedule');
    await expect(addSchedule(client, run, options('@hourly'))).rejects.toThrow('is not a cron expression');
    await expect(addSchedule(client, run, { ...options(NIGHTLY), timezone: 'Mars' })).rejects.toThrow('Mars');
    expect(await mine()).toMatchObject({ state: 'paused', cron: NIGHTLY, timezone });
    expect(await addSchedule(client, run, options('30 4 * * 1'))).toBe(true);
    await changeSchedules(client, 'resume', scheduleId(run.runId, 'rebuild'));
    expect(await mine()).toMatchObject({
      state: 'active',
      cron: '30 4 * * 1',
      timezone: 'UTC',
      overlap: 'skip',
    });

    expect(await removeSchedules(client, run.runId)).toEqual([scheduleId(run.runId, 'rebuild')]);
    expect(await run.store.list(`runs/${run.runId}/schedules`)).toEqual([]);
    await until('the list to forget it', async () => (await mine()) === undefined);
    await expect(changeSchedules(client, 'pause', run.runId)).rejects.toThrow('no schedule of a run');
  });

  it('is kept when the store cannot be reached; what is gone all the same is told, and how to add it', async () => {
    const client = clientOf(signed);
    const run = aRun();
    await addSchedule(client, run, options(NIGHTLY));
    const mine = async () => (await listSchedules(client)).find(({ runId }) => runId === run.runId);
    await until('the list to know it', async () => (await mine()) !== undefined);
    const failingAt = (part: string): PreparedRun => {
      const store = Object.create(run.store, {
        put: {
          value: async (path: string, content: string) => {
            if (path.includes(part)) throw new ModalmixError('transient', 'the store is away');
            await run.store.put(path, content);
          },
        },
      }) as typeof run.store;
      return { ...run, store };
    };
    await expect(addSchedule(client, failingAt('config'), options('30 4 * * 1'))).rejects.toThrow(
      'the store is away',
    );
    expect(await mine()).toMatchObject({ state: 'active', cron: NIGHTLY });
    await expect(addSchedule(client, failingAt('schedules/'), options('30 4 * * 1'))).rejects.toMatchObject({
      kind: 'transient',
      message: expect.stringMatching(
        /nothing is scheduled; it was "0 3 \* \* \*" in UTC: the store is away/u,
      ) as string,
      where: scheduleId(run.runId, 'rebuild'),
      fix: expect.stringContaining('schedule add') as string,
    });
    expect(await addSchedule(client, run, options('30 4 * * 1'))).toBe(false);
    await removeSchedules(client, run.runId);
  });

  it.each([
    ['signed', signed],
    ['signed and encrypted', secret],
  ])(
    'starts runs when it is time, that status and cancel know by the run’s id (%s)',
    async (_, protection) => {
      const client = clientOf(protection);
      const run = aRun();
      const { checkpoint, script } = resumableTraining(10_000);
      await withScriptedWorkers(
        server.address,
        withCheck(script),
        async () => {
          await addSchedule(client, run, options(EACH_SECOND));
          await until('a training', () => checkpoint.step > 0);
          const started = await findRun(client, run.runId);
          expect(started.map(({ runId, state, storeUri }) => ({ runId, state, storeUri }))).toEqual([
            { runId: run.runId, state: 'running', storeUri: run.store.uri },
          ]);
          // It is time again and again, and the first one has not ended: skipped.
          await until('two skipped starts', async () => (await listSchedules(client))[0]!.skipped >= 2);
          expect(await stateOf(client, run.runId)).toEqual(['running']);
          expect((await listSchedules(client))[0]).toMatchObject({
            ...{ runId: run.runId, state: 'active', overlap: 'skip', running: [started[0]!.workflowId] },
          });
          await changeSchedules(client, 'pause', run.runId);
          await controlRuns(client, 'cancel', run.runId);
          expect(await stateOf(client, run.runId)).toEqual(['cancelled']);
          expect(checkpoint).toMatchObject({ starts: 1, stops: 1 });
          await removeSchedules(client, run.runId);
        },
        undefined,
        protection,
      );
    },
  );

  it('by cancel-other ends the run before with a checkpoint and begins the next', async () => {
    const client = clientOf(signed);
    const run = aRun();
    const { checkpoint, script } = resumableTraining(10_000);
    await withScriptedWorkers(
      server.address,
      withCheck(script),
      async () => {
        await addSchedule(client, run, options('*/3 * * * * * *', 'cancel-other'));
        await until('a second training', () => checkpoint.starts >= 2 && checkpoint.stops >= 1);
        await changeSchedules(client, 'pause', run.runId);
        await controlRuns(client, 'cancel', run.runId);
        await removeSchedules(client, run.runId);
      },
      undefined,
      signed,
    );
  });

  it('closes the window of a retraining that runs, and fails in words where none does', async () => {
    const client = clientOf(secret);
    const run = aRun();
    const asked: boolean[] = [];
    const { script } = retraining({ hasModel: true, windows: 0 });
    const noting = {
      ...script,
      awaitWindow: async (input) => {
        asked.push(input.now);
        return await script.awaitWindow(input);
      },
    } satisfies Partial<ScriptedActivities>;
    await withScriptedWorkers(
      server.address,
      withCheck(noting),
      async () => {
        await addSchedule(client, run, options(EACH_SECOND, 'skip', 'close-window'));
        await until('a failure', async () => (await stateOf(client, run.runId)).includes('failed'));
        const [failed] = await findRun(client, run.runId);
        await expect(client.workflow.getHandle(failed!.workflowId).result()).rejects.toMatchObject({
          cause: { message: 'its retraining is not running, so there is no window to close' },
        });
        const handle = await client.workflow.start(WORKFLOWS.streamRetrain, {
          workflowId: workflowIds.retrain(run.runId),
          taskQueue: 'modalmix-control',
          args: [
            { storeUri: run.store.uri, runId: run.runId, methods: ['b-mm'], seeds: [0], model: 'clips' },
          ],
        });
        await until('a window that is asked to close', () => asked.includes(true));
        await removeSchedules(client, run.runId);
        await handle.signal(MESSAGES.resume);
        await handle.cancel();
        await expect(handle.result()).rejects.toThrow();
      },
      undefined,
      secret,
    );
  });
});

describe('what somebody without the key does with schedules', () => {
  it('is refused: one of their own, the owner’s for another run, and the owner’s that was removed', async () => {
    const owner = clientOf(signed);
    const run = aRun();
    const planned: string[] = [];
    const { script } = resumableTraining(1);
    const noting = withCheck({
      ...script,
      planDataset: async (...given: unknown[]) => {
        planned.push((given[0] as { readonly runId: string }).runId);
        return await script.planDataset();
      },
    });
    await withScriptedWorkers(
      server.address,
      noting,
      async () => {
        await addSchedule(owner, run, options(NIGHTLY));
        const id = scheduleId(run.runId, 'rebuild');
        const handle = owner.schedule.getHandle(id);
        const { schedule } = (await handle.describe()).raw;
        const { workflowService } = server.client.connection;
        const theirs = async (scheduleIdOf: string, workflowId: string, unsignedInput?: object) => {
          const action = schedule!.action!.startWorkflow!;
          const input =
            unsignedInput === undefined
              ? action.input!
              : {
                  payloads: [
                    {
                      metadata: { encoding: Buffer.from('json/plain') },
                      data: Buffer.from(JSON.stringify(unsignedInput)),
                    },
                  ],
                };
          await workflowService.createSchedule({
            ...{ namespace: 'default', scheduleId: scheduleIdOf, requestId: scheduleIdOf },
            schedule: { ...schedule!, action: { startWorkflow: { ...action, workflowId, input } } },
          });
          const other = server.client.schedule.getHandle(scheduleIdOf);
          await other.trigger('ALLOW_ALL');
          let started: string | undefined;
          await until('its run', async () => {
            started = (await other.describe()).info.recentActions[0]?.action.workflow.workflowId;
            return started !== undefined;
          });
          expect(started).toMatch(new RegExp(`^${workflowId}-\\d{4}-`, 'u'));
          const failure: unknown = await owner.workflow
            .getHandle(started!)
            .result()
            .catch((error: unknown) => error);
          await other.delete();
          if (!(failure instanceof WorkflowFailedError)) throw new Error('it did not fail');
          return unwrapFailure(failure).message;
        };
        expect(await theirs('theirs', id, { storeUri: 'file:/home/somebody', runId: 'x' })).toContain(
          'it is not signed',
        );
        expect(await theirs('theirs-2', scheduleId('other-1a2b3c4d', 'rebuild'))).toContain(
          'its signature is wrong',
        );
        expect(await theirs('theirs-3', scheduleId(run.runId, 'close-window'))).toContain(
          'its signature is wrong',
        );
        expect(planned).toEqual([]);

        // The owner's own, as it is, starts.
        await handle.trigger('ALLOW_ALL');
        await until('the owner’s run', async () => (await stateOf(owner, run.runId)).includes('completed'));
        expect(planned).toEqual([run.runId]);
        await removeSchedules(owner, run.runId);
        await sleep(1_100);
        expect(await theirs('theirs-4', id)).toContain('was removed or replaced');
        expect(planned).toEqual([run.runId]);
      },
      undefined,
      signed,
    );
  });

  it('shows: a schedule that no key of today has signed is listed as refused', async () => {
    const run = aRun();
    const before = clientOf(signed);
    const today = clientOf({ ...signed, signing: () => [otherKey] });
    await addSchedule(before, run, options(NIGHTLY));
    const mine = async () => (await listSchedules(today)).find(({ runId }) => runId === run.runId);
    await until('the list to know it', async () => (await mine()) !== undefined);
    expect(await mine()).toMatchObject({ state: 'refused' });
    // Adding it again mends it.
    expect(await addSchedule(today, run, options(NIGHTLY))).toBe(true);
    expect(await mine()).toMatchObject({ state: 'active' });
    await removeSchedules(today, run.runId);
  });
});
