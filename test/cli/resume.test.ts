import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { embeddedTemporal } from '../../infra/temporal/embedded-server.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { finishedShards, killWorker, runFiles, until, weights } from '../support/observe.ts';
import { createProject, tinyConfig, type Project, type RunningCommand } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

/** Long enough to be met in the middle of each stage. */
const TRAINING = { epochs: 16 };

let project: Project;
let clips: string;
let undisturbed: Awaited<ReturnType<typeof weights>>;

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips();
  const config = await project.config('undisturbed', tinyConfig(clips, 'undisturbed', TRAINING));
  const { exitCode, stderr } = await project.modalmix('run', config);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  undisturbed = await weights(project.store('undisturbed'));
  expect(undisturbed).toHaveLength(1);
}, 300_000);

afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

describe('a run that is struck down', () => {
  let store: Store;
  let running: RunningCommand;
  let number = 0;

  beforeEach(async () => {
    const name = `struck-${String((number += 1))}`;
    store = project.store(name);
    running = project.start('run', await project.config(name, tinyConfig(clips, name, TRAINING)));
  });

  /** The run ends well, with the shards that were there and the undisturbed run's weights. */
  async function expectUndisturbedEnd(shardsBefore: ReadonlyMap<string, string>): Promise<void> {
    const { exitCode, stdout } = await running;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Report: ');
    const shards = await finishedShards(store);
    for (const [path, facts] of shardsBefore) expect(shards.get(path), path).toBe(facts);
    const files = (await store.list('datasets')).filter((path) => path.endsWith('.arrow'));
    expect(files).toEqual([...shards.keys()].filter((path) => path.endsWith('.arrow')).sort());
    expect(await weights(store)).toEqual(undisturbed);
  }

  it('while it extracts, by SIGKILL of the worker, ends as an undisturbed one', async () => {
    await until('two finished shards', async () => (await finishedShards(store)).size >= 4, running);
    killWorker();
    const shards = await finishedShards(store);
    const manifests = (await store.list('datasets')).filter((path) => path.endsWith('manifest.json'));
    expect(manifests).toEqual([]);
    await expectUndisturbedEnd(shards);
  }, 300_000);

  it('while it trains, by SIGKILL of the worker, goes on from its checkpoint with the same weights', async () => {
    await until(
      'a checkpoint',
      async () => (await runFiles(store, /checkpoints\/step-/u)).length >= 2,
      running,
    );
    killWorker();
    expect(await runFiles(store, /\/result\.json$/u)).toEqual([]);
    const checkpoints = await runFiles(store, /checkpoints\/step-/u);
    await until('the next worker', async () => {
      const now = await runFiles(store, /checkpoints\/step-/u);
      return now.some((path) => path > checkpoints.at(-1)!);
    });
    const first = (await runFiles(store, /checkpoints\/step-/u)).at(0)!;
    // Begun anew it would first write the checkpoints of its first steps again.
    expect(first >= checkpoints.at(0)!).toBe(true);
    await expectUndisturbedEnd(await finishedShards(store));
  }, 300_000);

  it('while it evaluates, by SIGKILL of the worker, is evaluated again', async () => {
    await until('the weights', async () => (await runFiles(store, /\/result\.json$/u)).length > 0, running);
    killWorker();
    expect(await runFiles(store, /\/evaluation\.json$/u)).toEqual([]);
    await expectUndisturbedEnd(await finishedShards(store));
    expect(await runFiles(store, /\/evaluation\.json$/u)).toHaveLength(1);
  }, 300_000);

  it('by SIGKILL of the Temporal server, goes on when the server is back', async () => {
    await until(
      'a checkpoint',
      async () => (await runFiles(store, /checkpoints\/step-/u)).length >= 1,
      running,
    );
    const server = embeddedTemporal.running();
    process.kill(server!.process.pid, 'SIGKILL');
    await expectUndisturbedEnd(await finishedShards(store));
    expect(embeddedTemporal.running()?.process.pid).not.toBe(server!.process.pid);
  }, 300_000);
});
