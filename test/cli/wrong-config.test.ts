import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../../schemas/errors.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';

let project: Project;
beforeAll(async () => {
  project = await createProject();
});
afterAll(async () => {
  await project.end();
});

/** A folder of files that have a video's name; they are looked at only when extracted. */
async function clips(...files: string[]): Promise<string> {
  const folder = await mkdtemp(join(project.folder, 'clips-'));
  for (const file of files) {
    await mkdir(join(folder, file, '..'), { recursive: true });
    await writeFile(join(folder, file), file);
  }
  return folder;
}

const good = ['train/a/1.mp4', 'train/b/2.mp4', 'test/a/3.mp4', 'test/b/4.mp4'];

/** Runs a config that must be refused, and returns its message. */
async function refused(config: object): Promise<string> {
  const file = await project.config('wrong', config);
  const before = await readdir(project.folder);
  const { exitCode, stdout, stderr } = await project.modalmix('run', file);
  expect(exitCode).toBe(EXIT_CODES.badInput);
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/\n\s+at /u);
  // No store, no server, no file: nothing was begun.
  expect(await readdir(project.folder)).toEqual(before);
  return stderr;
}

describe('a wrong config is refused with one message, and nothing is begun', () => {
  it('for a wrong field', async () => {
    const config = { ...tinyConfig(await clips(...good), 'store'), traning: { epochs: 1 } };
    const message = await refused(config);
    expect(message).toMatch(/^error: .*wrong\.yaml: line \d+, traning: .*did you mean "training"\?\n$/u);
  });

  it('for a missing folder', async () => {
    expect(await refused(tinyConfig('nowhere', 'store'))).toContain(join(project.folder, 'nowhere'));
  });

  it('for an unknown class', async () => {
    const table = join(project.folder, 'clips.csv');
    await writeFile(table, 'path,label,split\na.mp4,happy,train\nb.mp4,sad,test\nc.mp4,hapy,train\n');
    const dataset = { format: 'csv', file: table, classes: ['happy', 'sad'] };
    const message = await refused({ ...tinyConfig('', 'store'), dataset });
    expect(message).toContain('hapy');
    await rm(table);
  });

  it('for an empty split', async () => {
    const message = await refused(tinyConfig(await clips('train/a/1.mp4', 'train/b/2.mp4'), 'store'));
    expect(message).toContain('test');
  });

  it('for a file that is no config, and for one that is not there', async () => {
    const video = join(project.folder, 'video.mp4');
    await writeFile(video, Buffer.from('\0\0\0\x18ftypmp42', 'latin1'));
    for (const [target, told] of [
      [video, 'it is not a config file'],
      [join(project.folder, 'nowhere.yaml'), 'there is no such file or folder'],
    ] as const) {
      const { exitCode, stderr } = await project.modalmix('run', target);
      expect(exitCode).toBe(EXIT_CODES.badInput);
      expect(stderr.split('\n')[0]).toBe(`error: ${target}: ${told}`);
    }
  });

  it('as JSON for a script', async () => {
    const file = await project.config('wrong', tinyConfig('nowhere', 'store'));
    const { exitCode, stdout } = await project.modalmix('run', file, '--json');
    expect(exitCode).toBe(EXIT_CODES.badInput);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'error', kind: 'config' });
  });
});

describe('a wrong command', () => {
  it.each([[['rnu', 'x.yaml']], [['run']], [['worker', '--queues', 'medea']]])(
    'is refused: %j',
    async (words) => {
      const { exitCode, stderr } = await project.modalmix(...words);
      expect(exitCode).toBe(EXIT_CODES.badInput);
      expect(stderr).toMatch(/^error: /u);
    },
  );
});
