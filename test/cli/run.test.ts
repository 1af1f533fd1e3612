import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../schemas/errors.ts';
import { summarySchema } from '../../schemas/summary.ts';
import { finishedShards, runFiles, until, weights } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

let project: Project;
let clips: string;

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips();
}, 300_000);
afterAll(async () => {
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

type Event = Readonly<Record<string, unknown>> & { readonly event: string };
const eventsOf = (stdout: string): Event[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event);

describe('modalmix run', () => {
  it('goes from clips to a table and a report, and run again finds everything done', async () => {
    const config = await project.config(
      'both',
      tinyConfig(clips, 'both', { methods: ['joint', 'b-mm'], epochs: 8 }),
    );
    const first = await project.modalmix('run', config);
    expect(first.stderr).toBe('');
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(/✔ extract features: 36\/36 clips/u);
    expect(first.stdout).toMatch(
      /method +fused +95 % +audio +rgb +audio probe +rgb probe +seeds\n.*\njoint .*\nb-mm /u,
    );
    const report = /^Report: (.*)$/mu.exec(first.stdout)![1]!;
    expect(await readFile(report, 'utf8')).toContain('<!doctype html>');

    const store = project.store('both');
    const shards = await finishedShards(store);
    const trained = await weights(store);
    expect(shards.size).toBeGreaterThanOrEqual(8);
    expect(trained).toHaveLength(2);
    const summaries = await runFiles(store, /\/summary\.json$/u);
    const summary = summarySchema.parse(JSON.parse((await store.get(summaries[0]!)).toString()));
    expect(summary.testClips).toBe(12);
    // A tone and a colour a class: whoever learns anything learns this.
    for (const row of summary.rows) expect(row.accuracy.mean).toBeGreaterThan(0.7);

    const again = await project.modalmix('run', config, '--json');
    expect(again.exitCode).toBe(0);
    expect(eventsOf(again.stdout).at(-1)).toMatchObject({ event: 'finished', summary });
    expect(await finishedShards(store)).toEqual(shards);
    expect(await weights(store)).toEqual(trained);
  }, 300_000);

  it('leaves a model that predict uses: files and folders, unusable ones told and the others answered', async () => {
    const broken = join(project.folder, 'broken.mp4');
    await writeFile(broken, 'this is no film');
    const [high, low] = ['high/high-000.mp4', 'low/low-000.mp4'].map((name) => join(clips, 'test', name));
    const store = ['--store', 'file:both'];

    const all = await project.modalmix('predict', join(clips, 'test'), ...store, '--json');
    expect(all.exitCode).toBe(EXIT_CODES.ok);
    const events = eventsOf(all.stdout);
    expect(events.map(({ event }) => event)).toEqual([
      'model',
      ...Array<string>(12).fill('prediction'),
      'finished',
    ]);
    const right = events.filter(({ clip, predicted }) => String(clip).includes(`/${String(predicted)}/`));
    const [run] = await runFiles(project.store('both'), /\/summary\.json$/u);
    const summary = summarySchema.parse(JSON.parse((await project.store('both').get(run!)).toString()));
    expect(right).toHaveLength(Math.round(12 * summary.rows[0]!.accuracy.mean));

    const some = await project.modalmix('predict', high!, broken, low!, ...store, '--method', 'b-mm');
    expect(some.exitCode).toBe(EXIT_CODES.badInput);
    expect(some.stdout).toMatch(/^tiny-b-mm-s0-.*, epoch 8, /u);
    expect(some.stdout).toMatch(/^clip +fused +audio +rgb$/mu);
    expect(some.stdout).toMatch(
      /high-000\.mp4 +(high|low) +[01]\.\d{3} +(high|low) +[01]\.\d{3} +(high|low) +[01]\.\d{3}$/mu,
    );
    expect(some.stdout).toMatch(/broken\.mp4 +not predicted \(unreadable\): /u);
    expect(some.stdout).toContain('1 of 3 clips could not be used.');
    const one = await project.modalmix('predict', high!, ...store);
    expect(one.stdout).toMatch(/^class +fused +audio +rgb\n.*\n(high|low) +[01]\.\d{3} /mu);

    const exported = await project.modalmix('export', ...store, '--format', 'tfjs', '--out', 'out', '--json');
    expect(eventsOf(exported.stdout)).toMatchObject([
      { event: 'exported', folder: join(project.folder, 'out'), manifest: { format: 'tfjs', epoch: 8 } },
    ]);
    expect((await readdir(join(project.folder, 'out'))).sort()).toEqual([
      ...['modalmix-model.json', 'model.json', 'weights-1-of-1.bin'],
    ]);
    const unknown = await project.modalmix('export', ...store, '--format', 'onnx', '--out', 'out');
    expect(unknown.exitCode).toBe(EXIT_CODES.badInput);
    expect(unknown.stderr).toContain('savedmodel, tfjs, safetensors');

    const none = await project.modalmix('predict', project.folder + '/home', ...store);
    expect(none.exitCode).toBe(EXIT_CODES.badInput);
    expect(none.stderr).toContain('the folder holds no media file');
  }, 300_000);

  it('after five new clips writes anew only the shards that it must', async () => {
    const grown = join(project.folder, 'grown');
    await cp(clips, grown, { recursive: true });
    const config = await project.config('grown', tinyConfig(grown, 'grown', { epochs: 1 }));
    expect((await project.modalmix('rebuild', config)).exitCode).toBe(0);
    const before = await finishedShards(project.store('grown'));
    const high = join(grown, 'train', 'high');
    const some = (await readdir(high)).slice(0, 5);
    for (const name of some) await cp(join(high, name), join(high, `new-${name}`));
    const again = await project.modalmix('rebuild', config, '--json');
    expect(eventsOf(again.stdout).at(-1)).toMatchObject({ event: 'finished', clips: 41 });
    const after = await finishedShards(project.store('grown'));
    for (const [path, facts] of before) expect(after.get(path)).toBe(facts);
    const written = [...after.keys()].filter((path) => path.endsWith('.arrow') && !before.has(path));
    expect(written.length).toBeGreaterThan(0);
    expect(written.length).toBeLessThanOrEqual(10);
  }, 300_000);

  it('trains and evaluates alone, on the dataset built last', async () => {
    const config = await project.config('alone', tinyConfig(clips, 'alone', { epochs: 1 }));
    const tooEarly = await project.modalmix('train', config);
    expect(tooEarly.exitCode).toBe(EXIT_CODES.badInput);
    expect(tooEarly.stderr).toContain('modalmix rebuild');
    expect((await project.modalmix('rebuild', config)).exitCode).toBe(0);
    expect((await project.modalmix('train', config)).stdout).toMatch(/tiny-b-mm-s0-.*: \d+ steps, weights/u);
    expect((await project.modalmix('evaluate', config)).stdout).toMatch(/ % of 12 test clips/u);
    expect((await project.modalmix('report', config)).stdout).toContain('Report: ');
  }, 300_000);
});

describe('a run that somebody has started', () => {
  const LONG = { epochs: 24 };

  it('outlives Ctrl-C in the terminal that follows it, and is joined by starting it again', async () => {
    const config = await project.config('detached', tinyConfig(clips, 'detached', LONG));
    const following = project.start('run', config);
    const store = project.store('detached');
    await until(
      'a checkpoint',
      async () => (await runFiles(store, /checkpoints\/step-/u)).length > 0,
      following,
    );
    following.kill('SIGINT');
    const { exitCode, stdout } = await following;
    expect(exitCode).toBe(0);
    const runId = /modalmix status (\S+)/u.exec(stdout)![1]!;
    const [shown] = eventsOf((await project.modalmix('status', runId, '--json')).stdout);
    expect(shown).toMatchObject({ event: 'run', runId, state: 'running' });

    const joined = await project.modalmix('run', config);
    expect(joined.stdout).toContain(`Joined the running ${runId}`);
    expect(joined.exitCode).toBe(0);
    expect(joined.stdout).toContain('Report: ');
  }, 300_000);

  it('rests when paused, after a checkpoint, and goes on when resumed', async () => {
    const config = await project.config('paused', tinyConfig(clips, 'paused', LONG));
    const started = await project.modalmix('run', config, '--detach', '--json');
    const runId = String(eventsOf(started.stdout)[0]!['runId']);
    const store = project.store('paused');
    const checkpoints = async () => await runFiles(store, /checkpoints\/step-/u);
    await until('a checkpoint', async () => (await checkpoints()).length > 0);
    expect((await project.modalmix('pause', runId)).exitCode).toBe(0);
    const status = async () => (await project.modalmix('status', runId)).stdout;
    expect(await status()).toContain('paused');
    await until('the training to stop', async () => {
      const before = await checkpoints();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return JSON.stringify(before) === JSON.stringify(await checkpoints());
    });
    expect(await runFiles(store, /\/result\.json$/u)).toEqual([]);
    expect((await project.modalmix('resume', runId)).exitCode).toBe(0);
    const ended = await project.modalmix('run', config);
    expect(ended.stdout).toContain('Report: ');
  }, 300_000);

  it('keeps what is done when cancelled, and goes on from there when started again', async () => {
    const config = await project.config('cancelled', tinyConfig(clips, 'cancelled', LONG));
    const following = project.start('run', config);
    const store = project.store('cancelled');
    const checkpoints = async () => await runFiles(store, /checkpoints\/step-/u);
    await until('a checkpoint', async () => (await checkpoints()).length > 0, following);
    const [found] = eventsOf((await project.modalmix('status', '--json')).stdout);
    expect((await project.modalmix('cancel', String(found!['runId']))).exitCode).toBe(0);
    const cancelled = await following;
    expect(cancelled.exitCode).toBe(EXIT_CODES.interrupted);
    expect(cancelled.stderr).toContain('was cancelled');
    const kept = await checkpoints();
    expect(kept.length).toBeGreaterThan(0);
    expect(await runFiles(store, /\/result\.json$/u)).toEqual([]);

    const again = await project.modalmix('run', config);
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toContain('Report: ');
    const [metrics] = await runFiles(store, /\/metrics\.jsonl$/u);
    const epochs = (await store.get(metrics!)).toString().trim().split('\n');
    expect(epochs).toHaveLength(LONG.epochs);
  }, 300_000);
});
