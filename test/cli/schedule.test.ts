/** Runs by the clock, as a person has them: the command, the embedded server, the supervisor's worker. */
import { copyFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { until } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let project: Project;
let clips: string;

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips({ clipsPerClass: 6 });
}, 120_000);

afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

interface Listed {
  readonly runId: string;
  readonly state: string;
  readonly overlap: string;
  readonly last?: string;
  readonly next?: string;
}

const lines = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function listed(): Promise<Listed | undefined> {
  const { stdout } = await project.modalmix('schedule', 'list', '--json');
  return stdout.trim() === '' ? undefined : (lines(stdout)[0] as unknown as Listed);
}

/** What trainings have left, by path: what changes when one trains again. */
async function trained(store: Store): Promise<Map<string, string>> {
  const paths = (await store.list('runs')).filter((path) =>
    /\/(?:checkpoints\/.+|model\.safetensors|metrics\.jsonl|result\.json|evaluation\.json)$/u.test(path),
  );
  const facts = paths.map(async (path) => {
    const { ino, mtimeNs } = await stat(await store.localFile(path), { bigint: true });
    return [path, `${String(ino)} ${String(mtimeNs)}`] as const;
  });
  return new Map(await Promise.all(facts));
}

it('what is scheduled is built and trained; where no clip is new nothing is trained, where one is, it is', async () => {
  const config = await project.config('nightly', tinyConfig(clips, 'nightly', { epochs: 1 }));
  const store = project.store('nightly');
  const results = async () =>
    [...(await trained(store)).keys()].filter((path) => path.endsWith('result.json'));
  const added = await project.modalmix('schedule', 'add', config, '--cron', '*/2 * * * * * *');
  expect(added.stderr).toBe('');
  expect(added.stdout).toMatch(/^Added: rebuild and train of tiny-[0-9a-f]+, .* overlap skip, next at 20/u);

  await until('a report', async () =>
    (await store.list('runs')).some((path) => path.endsWith('summary.json')),
  );
  const before = await trained(store);
  expect(await results()).toHaveLength(1);

  const first = (await listed())!;
  expect(first).toMatchObject({ state: 'active', overlap: 'skip' });
  const { runId } = first;
  // The times show that later runs came to their end; no file of the training's is another one.
  await until(
    'another run',
    async () => Date.parse((await listed())!.last!) > Date.parse(first.last!) + 2_000,
  );
  expect(await trained(store)).toEqual(before);
  const runs = lines((await project.modalmix('status', '--json')).stdout);
  expect(new Set(runs.map((run) => run['runId']))).toEqual(new Set([runId]));

  // What is kept outlives the server and the supervisor: the next command brings them back.
  await stopSupervisor();
  await copyFile(join(clips, 'train/high/high-003.mp4'), join(clips, 'train/high/high-new.mp4'));
  expect(await listed()).toMatchObject({ runId, state: 'active' });
  await until('a training with the new clip', async () => (await results()).length === 2);

  const paused = await project.modalmix('schedule', 'pause', runId);
  expect(paused.stdout).toContain(`${runId}/scheduled/rebuild is paused`);
  expect(await listed()).toMatchObject({ state: 'paused' });
  const removed = await project.modalmix('schedule', 'remove', runId);
  expect(removed.exitCode).toBe(0);
  await until('an empty list', async () => (await listed()) === undefined);
  expect((await project.modalmix('schedule', 'list')).stdout).toContain('Nothing is scheduled.');
  const unknown = await project.modalmix('schedule', 'resume', runId);
  expect(unknown.exitCode).toBe(2);
  expect(unknown.stderr).toContain(`no schedule of a run "${runId}" is known`);
}, 300_000);
