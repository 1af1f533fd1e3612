import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../pipelines/store/open-store.ts';
import { killWorker, runFiles, until, weights } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { SECRET, startS3Server, type S3Server } from '../support/s3-server.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

const TRAINING = { epochs: 8 };

let project: Project;
let server: S3Server;
let clips: string;

beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket('lab');
  // The command, its supervisor and the worker inherit where the store is.
  Object.assign(process.env, server.env);
  project = await createProject();
  clips = await makeTinyClips();
}, 300_000);
afterAll(async () => {
  await project.end();
  await server.stop();
  await rm(clips, { recursive: true, force: true });
});

const onS3 = (name: string) => ({ ...tinyConfig(clips, name, TRAINING), store: `s3://lab/${name}` });

describe('a run whose store is a bucket', () => {
  it('has the same shards, killed in training ends with the same weights, and shows its report', async () => {
    const plain = await project.config('plain', tinyConfig(clips, 'plain', TRAINING));
    expect((await project.modalmix('run', plain)).exitCode).toBe(0);

    const store = openStore('s3://lab/struck');
    const running = project.start('run', await project.config('struck', onS3('struck')));
    const checkpoints = async () => await runFiles(store, /checkpoints\/step-/u);
    await until('a checkpoint', async () => (await checkpoints()).length >= 2, running);
    killWorker();
    expect(await runFiles(store, /\/result\.json$/u)).toEqual([]);
    const { exitCode, stdout, stderr } = await running;
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    const report = /^Report: (.*)$/mu.exec(stdout)![1]!;
    expect(await readFile(report, 'utf8')).toContain('<!doctype html>');
    expect(stdout).toMatch(/a copy of s3:\/\/lab\/struck\/runs\/.*\/report\/index\.html/u);
    expect(stdout).not.toContain(SECRET);

    const reference = project.store('plain');
    const dataset = async (of: typeof store) =>
      await Promise.all(
        (await of.list('datasets'))
          .filter((path) => /\.arrow$|manifest\.json$/u.test(path))
          .map(async (path) => [path, (await of.get(path)).toString('base64')] as const),
      );
    const built = await dataset(store);
    expect(built.length).toBeGreaterThan(4);
    expect(built).toEqual(await dataset(reference));
    const [trained] = await weights(store);
    const [undisturbed] = await weights(reference);
    expect(trained?.bytes.equals(undisturbed!.bytes)).toBe(true);

    const clip = join(clips, 'test', 'high', 'high-000.mp4');
    const [fromS3, fromFile] = await Promise.all(
      [store, reference].map(
        async ({ uri }) => await project.modalmix('predict', clip, '--store', uri, '--json'),
      ),
    );
    expect(fromS3!.exitCode).toBe(0);
    expect(fromS3!.stdout).toContain('"event":"prediction"');
    expect(fromS3!.stdout).toBe(fromFile!.stdout);
  }, 400_000);

  it('is refused with the bucket and what to do when the bucket is not there', async () => {
    const config = { ...onS3('lost'), store: 's3://lost/prefix' };
    const { exitCode, stderr } = await project.modalmix('rebuild', await project.config('lost', config));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('the bucket "lost" does not exist');
    expect(stderr).toContain('aws s3 mb s3://lost');
    expect(stderr).not.toContain(SECRET);
  });
});
