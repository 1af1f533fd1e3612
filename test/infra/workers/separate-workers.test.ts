import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { workflowIds } from '../../../schemas/workflows.ts';
import { freePorts } from '../../../infra/ports.ts';
import { runningSupervisor } from '../../../infra/supervisor/supervise.ts';
import { runFiles, until } from '../../support/observe.ts';
import { createProject, tinyConfig, type Project, type RunningCommand } from '../../support/project.ts';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

const { PendingActivityState } = proto.temporal.api.enums.v1;

let temporal: TestServer;
let s3: S3Server;
let project: Project;
let clips: string;
const workers: RunningCommand[] = [];

beforeAll(async () => {
  [temporal, s3, clips] = await Promise.all([
    startTestServer(),
    startS3Server(),
    makeTinyClips({ clipsPerClass: 24 }),
  ]);
  await s3.makeBucket('lab');
  Object.assign(process.env, s3.env, {
    [ENVIRONMENT.temporalAddress]: temporal.address,
    // The slower engine: each shard lasts long enough to be shared out, and to be struck at.
    [ENVIRONMENT.extractor]: 'ffmpeg',
  });
  project = await createProject();
});
afterAll(async () => {
  for (const worker of workers) {
    worker.kill('SIGCONT');
    worker.kill('SIGTERM');
  }
  await Promise.all(workers);
  await project.end();
  await temporal.stop();
  await s3.stop();
  await rm(clips, { recursive: true, force: true });
});

/** `modalmix worker`, once it takes work. */
async function startWorker(name: string, ...flags: string[]): Promise<{ readonly command: RunningCommand }> {
  const readyFile = join(project.folder, `${name}.ready`);
  const worker = project.start('worker', '--ready-file', readyFile, ...flags);
  workers.push(worker);
  await until(`${name} to be ready`, () => existsSync(readyFile), worker);
  // Not by itself: a command that is awaited is waited for to its end.
  return { command: worker };
}

/** The shards' activities: who worked on them, and how often they were begun. */
async function shardsOf(workflowId: string) {
  const handle = temporal.client.workflow.getHandle(workflowId);
  const { events } = await handle.fetchHistory();
  const list = events ?? [];
  const shards = new Set(
    list
      .filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'extractShard')
      .map(({ eventId }) => String(eventId)),
  );
  return list.flatMap(({ activityTaskStartedEventAttributes: started }) =>
    started && shards.has(String(started.scheduledEventId))
      ? [{ worker: pidOf(started.identity), attempt: started.attempt ?? 1 }]
      : [],
  );
}

/** Workers name themselves pid@host. */
const pidOf = (identity: string | null | undefined) => Number((identity ?? '').split('@')[0]);

/** Freezes the process while it has a shard begun, so that it cannot end it any more; then kills it. */
async function killAtWork(worker: RunningCommand, workflowId: string): Promise<void> {
  const handle = temporal.client.workflow.getHandle(workflowId);
  await until('the worker to be killed while it works', async () => {
    worker.kill('SIGSTOP');
    await sleep(100);
    const { raw } = await handle.describe();
    const hasWork = (raw.pendingActivities ?? []).some(
      ({ activityType, state, lastWorkerIdentity }) =>
        activityType?.name === 'extractShard' &&
        state === PendingActivityState.PENDING_ACTIVITY_STATE_STARTED &&
        pidOf(lastWorkerIdentity) === worker.pid,
    );
    if (!hasWork) {
      worker.kill('SIGCONT');
      await sleep(30);
    }
    return hasWork;
  });
  worker.kill('SIGKILL');
  await worker;
}

describe('workers of one queue each, on a server and a bucket of somebody else', () => {
  it('share the shards of a run, take over those of a killed one, train and report', async () => {
    const config = await project.config('separate', {
      ...(tinyConfig(clips, 'unused', { epochs: 2 }) as { extraction: object }),
      store: 's3://lab/separate',
    });
    await startWorker('control', '--queues', 'control', '--slots', 'control=2');
    const { command: first } = await startWorker('first', '--queues', 'media', '--slots', 'media=1');
    const { command: second } = await startWorker('second', '--queues', 'media');
    const running = project.start('run', config, '--json');
    let runId = '';
    await until('the rebuild to begin', async () => {
      runId = (await openStore('s3://lab/separate').list('runs'))[0]?.split('/')[1] ?? '';
      return runId !== '';
    });
    const rebuild = workflowIds.rebuild(runId);
    const shards = async () => await shardsOf(rebuild).catch(() => []);
    await until(
      'both media workers to have done a shard',
      async () => {
        const done = (await shards()).map(({ worker }) => worker);
        return done.includes(first.pid!) && done.includes(second.pid!);
      },
      running,
    );
    await killAtWork(first, rebuild);

    // Nobody trains yet: a run waits for the worker that its queue has none of.
    await until(
      'the dataset',
      async () =>
        (await openStore('s3://lab/separate').list('datasets')).some((path) =>
          path.endsWith('manifest.json'),
        ),
      running,
    );
    const after = await shardsOf(rebuild);
    expect(after.filter(({ attempt }) => attempt > 1).map(({ worker }) => worker)).toEqual([second.pid]);
    expect(after.filter(({ worker }) => worker === first.pid).length).toBeGreaterThan(0);
    expect(await runFiles(openStore('s3://lab/separate'), /\/result\.json$/u)).toEqual([]);

    const metrics = `127.0.0.1:${String((await freePorts(1))[0])}`;
    const { command: trainer } = await startWorker(
      ...['trainer', '--queues', 'training', '--slots', 'training=1', '--metrics', metrics],
    );
    let shown = '';
    await until(
      'the trainer to show a slot in use',
      async () => {
        shown = await (await fetch(`http://${metrics}/metrics`)).text();
        return /^temporal_worker_task_slots_used\{.*task_queue="modalmix-training".*worker_type="ActivityWorker".*\} 1$/mu.test(
          shown,
        );
      },
      running,
    );
    // By this deploy/kubernetes/autoscale counts who is at work.
    expect(shown).toContain('temporal_worker_task_slots_used{');
    const { exitCode, stderr, stdout } = await running;
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('report/index.html');
    // Somebody works, so the command has started no worker of its own.
    expect(runningSupervisor()).toBeUndefined();

    trainer.kill('SIGTERM');
    expect((await trainer).exitCode).toBe(0);
    expect(existsSync(join(project.folder, 'trainer.ready'))).toBe(false);
  });

  it('are refused for a queue that there is not, or a count that is none', async () => {
    const queue = await project.modalmix('worker', '--queues', 'gpu');
    expect(queue.exitCode).toBe(2);
    expect(queue.stderr).toContain('Choose from media, training, control.');
    const slots = await project.modalmix('worker', '--slots', 'media=none');
    expect(slots.exitCode).toBe(2);
    expect(slots.stderr).toContain('media=2,training=1');
  });
});
