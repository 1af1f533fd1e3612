import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listMoves, readCurrent } from '../../pipelines/models/registry.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { storePaths } from '../../schemas/names.ts';
import { makeUpHistory } from '../pipelines/models/made-up-history.ts';
import { createProject, type Project } from '../support/project.ts';

let project: Project;
let store: Store;
beforeAll(async () => {
  project = await createProject();
  store = project.store('.modalmix/store');
  await makeUpHistory(store, 'emotions', { classNames: ['calm', 'cross'] });
});
afterAll(async () => {
  await project.end();
});

const run = async (...words: string[]) => await project.modalmix('models', ...words);
const events = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('modalmix models', () => {
  it('list shows each version beside the model it was compared with, and marks the current one', async () => {
    const { stdout, exitCode } = await run('list');
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('emotions: 6 versions, current is 5');
    expect(lines[1]?.split(/ {2,}/u).slice(-6)).toEqual([
      ...['clips', 'held out', 'current', 'new data', 'current', 'gate'],
    ]);
    const cells = (version: number) =>
      lines.find((line) => new RegExp(`^\\*? +${String(version)} `, 'u').test(line));
    expect(cells(1)?.trim().split(/ +/u)).toEqual([
      '1',
      '2026-05-01',
      '10:30',
      ...Array<string>(6).fill('–'),
      '–',
    ]);
    expect(cells(3)?.trim().split(/ +/u)).toEqual([
      '3',
      '2026-05-04',
      '10:30',
      '2',
      '118',
      '69.0',
      '72.0',
      '60.0',
      '66.0',
      'rejected',
    ]);
    expect(cells(5)).toMatch(/^\* .* rejected$/u);
    expect(lines.filter((line) => line.startsWith('*'))).toHaveLength(1);
  });

  it('list --json gives the records', async () => {
    const [model] = events((await run('list', 'emotions', '--json')).stdout);
    expect(model).toMatchObject({ event: 'model', model: 'emotions', current: 5 });
    expect(model?.['versions']).toHaveLength(6);
  });

  it('show gives every reason, the drift, the place of the weights and the moves', async () => {
    const { stdout } = await run('show', 'emotions');
    for (const fact of [
      'emotions, version 5 (current)',
      'emotions-window-4 (b-mm, seed 0, audio + rgb)',
      'version 4',
      '4: 118 clips, closed 2026-05-05 10:30 (time)',
      'clips, version snapshot4',
      `${store.uri}/runs/emotions-window-4/model.safetensors`,
      '0'.repeat(64),
      'a gain of −6.00 points, less than the −5.00 points asked.',
      'Class distance (total variation): 0.200',
    ]) {
      expect(stdout).toContain(fact);
    }
    expect(stdout).toMatch(/^calm +100 +\d+ +50\.0 +/mu);
    expect(stdout).toMatch(/^audio +1\.000 +0\.800 +1\.300 +1\.700$/mu);
    expect(stdout).toMatch(/4 → 5 +promote +sounds worse in the demo room$/mu);
    expect((await run('show', 'emotions', '1')).stdout).toContain('from      scratch');
  });

  it('report writes the page and says where', async () => {
    const [written] = events((await run('report', 'emotions', '--json')).stdout);
    expect(written).toMatchObject({ event: 'report', model: 'emotions' });
    const page = await readFile(String(written?.['report']), 'utf8');
    expect(page).toContain('Version 5 is current: 78.0 % on 240 held-out clips when it was judged.');
    expect(page).toContain('modalmix models report emotions');
  });

  it('rollback and promote move what is current, with the reason in the log', async () => {
    const [told, reported] = (await run('rollback', 'emotions', '--reason', 'users complain')).stdout.split(
      '\n',
    );
    expect(told).toBe('Version 4 of emotions is current, before it 5.');
    // The page that an earlier command wrote shows it too.
    expect(reported).toMatch(/^Report: .*index\.html/u);
    const page = (await store.get(storePaths.modelReport('emotions'))).toString();
    expect(page).toContain('Version 4 is current');
    expect(page).toContain('users complain');
    const config = await project.config('other', {
      name: 'other',
      store: 'file:.modalmix/store',
      dataset: { format: 'folder', root: 'clips' },
    });
    const promoted = await run('promote', 'emotions', '6', '--config', config, '--json');
    expect(events(promoted.stdout)).toMatchObject([
      { event: 'moved', move: { from: 4, to: 6, by: 'promote', reason: 'by hand' } },
      { event: 'report', model: 'emotions' },
    ]);
    expect((await run('promote', 'emotions', '6')).stdout).toBe(
      'Version 6 of emotions is current already.\n',
    );
    expect((await readCurrent(store, 'emotions'))?.version.version).toBe(6);
    const moves = await listMoves(store, 'emotions');
    expect(moves.slice(-2).map(({ by, reason }) => `${by}: ${reason}`)).toEqual([
      'rollback: users complain',
      'promote: by hand',
    ]);
  });

  it.each([
    [['show', 'emotion'], /there is no model "emotion"\n {2}→ Models: emotions\./u],
    [['promote', 'emotions', '9'], /no version 9\n {2}→ There are 1, 2, 3, 4, 5, 6\./u],
    [['promote', 'emotions', 'newest'], /"newest" is no version/u],
    [['list', '--store', 'ftp:x'], /no store can be opened/u],
  ])('%j is refused with what to do', async (words, message) => {
    const { exitCode, stderr } = await run(...words);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('list says so when there is none', async () => {
    expect((await run('list', '--store', 'file:empty')).stdout).toMatch(
      /^No model is registered in file:.*empty\.$/mu,
    );
  });
});
