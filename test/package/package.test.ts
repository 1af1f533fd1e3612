import { access, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packPackage } from '../../infra/package/pack.ts';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { until } from '../support/observe.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';

const EXAMPLE = join(PROJECT_FOLDER, 'examples', 'api', 'compare-methods.ts');

/**
 * A folder with the package in it, as npm leaves it there but for its packages, which are the checkout's: fetching them
 * is `walk.ts`'s.
 */
let folder: string;
let installed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-package-'));
  const tarball = await packPackage(folder);
  await execa('tar', ['xzf', tarball, '-C', folder]);
  installed = join(folder, 'node_modules', 'modalmix');
  await mkdir(join(folder, 'node_modules'));
  await rename(join(folder, 'package'), installed);
  await symlink(join(PROJECT_FOLDER, 'node_modules'), join(installed, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
  process.env[ENVIRONMENT.home] = join(folder, 'home');
}, 240_000);

afterAll(async () => {
  await stopSupervisor();
  await rm(folder, { recursive: true, force: true });
});

const modalmix = async (...words: string[]) =>
  await execa(process.execPath, [join(installed, 'cli', 'modalmix.mjs'), ...words], {
    cwd: folder,
    reject: false,
  });

describe('an installed package', () => {
  test('holds JavaScript and types, and no TypeScript but what is to be read', async () => {
    const { stdout } = await execa('find', ['.', '-name', '*.ts', '-not', '-name', '*.d.ts'], {
      cwd: installed,
    });
    const sources = stdout.split('\n').filter((path) => !path.startsWith('./node_modules/'));
    expect(sources.filter((path) => !path.startsWith('./examples/'))).toEqual([]);
  });

  test('sets up what is missing at the first command, and says so once', async () => {
    await rm(join(PROJECT_FOLDER, 'node_modules', '.cache', 'modalmix', 'set-up.json'), { force: true });
    const help = await modalmix('run', '--help');
    expect({ exitCode: help.exitCode, stderr: help.stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(help.stdout).toContain('the whole job');
    const first = await modalmix('run', 'nowhere', '--json');
    expect(first.stderr).toContain('Setting up, once');
    expect(first.stderr).toMatch(/^ok +TensorFlow /mu);
    expect(first.stderr).toMatch(/^ok +workflows +bundled, .*dist/mu);
    expect(JSON.parse(first.stdout)).toMatchObject({ event: 'error', kind: 'config' });
    expect((await modalmix('run', 'nowhere', '--json')).stderr).toBe('');
  });

  test('writes configs with the schema that their first line names, and completes', async () => {
    const { exitCode, stderr } = await modalmix('recipe', 'copy', 'av-mnist', 'mine.yaml');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [, schema = ''] = /\$schema=(\S+)\n/u.exec(await readFile(join(folder, 'mine.yaml'), 'utf8')) ?? [];
    expect(JSON.parse(await readFile(join(folder, schema), 'utf8'))).toHaveProperty('properties.training');
    expect((await modalmix('completion', 'bash')).stdout).toMatch(/^complete .* modalmix$/mu);
  });

  test("keeps the demo's config and data in the working folder, as npm empties its own", async () => {
    const { stderr } = await modalmix('demo', '--set', 'training.epochs=0');
    expect(stderr).toContain('training.epochs');
    const config = join(folder, 'demo.modalmix.yaml');
    expect(await readFile(config, 'utf8')).toMatch(/^store: file:\.modalmix\/store$/mu);
    const dry = await modalmix('run', 'demo.modalmix.yaml', '--dry-run');
    expect({ exitCode: dry.exitCode, stderr: dry.stderr }).toEqual({ exitCode: 0, stderr: '' });
    await writeFile(config, (await readFile(config, 'utf8')).replace(/^name: demo$/mu, 'name: mine'));
    expect((await modalmix('demo', '--set', 'training.epochs=0')).stderr).toContain('training.epochs');
    expect(await readFile(config, 'utf8')).toMatch(/^name: mine$/mu);
    await expect(access(join(installed, '.modalmix'))).rejects.toThrow('ENOENT');
  });

  test('serves the page with the script and style that it was packed with', async () => {
    const command = execa(process.execPath, [join(installed, 'cli', 'modalmix.mjs'), 'ui', '--json'], {
      ...{ cwd: folder, reject: false, buffer: false },
    });
    let text = '';
    command.stdout.on('data', (bytes: Buffer) => (text += bytes.toString('utf8')));
    await until('its address', () => text.includes('\n'), command);
    const { url } = JSON.parse(text.split('\n')[0]!) as { readonly url: string };
    const cookie = (await fetch(url, { redirect: 'manual' })).headers.getSetCookie()[0]!.split(';')[0]!;
    const get = async (path: string) => await fetch(new URL(path, url), { headers: { cookie } });
    const [, style = '', script = ''] =
      /href="(\/client\/style\.css[^"]*)".*src="(\/client\/main\.js[^"]*)"/su.exec(
        await (await get('/')).text(),
      ) ?? [];
    const answers = await Promise.all([get(style), get(script)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const files = await Promise.all(answers.map(async (answer) => await answer.text()));
    const pages = join(installed, 'dist', 'pages', 'ui');
    expect(files).toEqual([
      await readFile(join(pages, 'style.css'), 'utf8'),
      await readFile(join(pages, 'main.js'), 'utf8'),
    ]);
    command.kill('SIGINT');
    expect((await command).exitCode).toBe(0);
  });

  test('types a program that uses it, and refuses what is no field of a config', async () => {
    const wrong = "import { defineConfig } from 'modalmix';\ndefineConfig({ name: 'x', datset: {} });\n";
    await cp(EXAMPLE, join(folder, 'example.ts'));
    await writeFile(join(folder, 'wrong.ts'), wrong);
    const compilerOptions = {
      ...{ module: 'NodeNext', target: 'ES2023', strict: true, noEmit: true, skipLibCheck: false },
      ...{ typeRoots: [join(PROJECT_FOLDER, 'node_modules', '@types')], types: ['node'] },
    };
    const config = { compilerOptions, files: ['example.ts', 'wrong.ts'] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(PROJECT_FOLDER, 'node_modules', '.bin', 'tsc');
    const { stdout } = await execa(tsc, ['-p', folder], { reject: false });
    const errors = stdout.split('\n').filter((line) => line.includes('error'));
    expect(errors.filter((line) => !line.includes('node_modules/'))).toEqual([
      expect.stringMatching(/wrong\.ts\(2,27\): error .*'datset' does not exist/u),
    ]);
    // Of the checkout's packages some are not clean by themselves; ours are.
    expect(errors.filter((line) => line.includes('node_modules/modalmix/dist'))).toEqual([]);
  });

  test('runs the example of the API', async () => {
    await rename(await makeTinyClips({ clipsPerClass: 9 }), join(folder, 'clips'));
    await build({ entryPoints: [EXAMPLE], outfile: join(folder, 'example.js'), format: 'esm' });
    const { stdout } = await execa(process.execPath, ['example.js', 'clips'], { cwd: folder });
    expect(stdout).toMatch(/^b-mm: accuracy [01]\.\d{3}$/mu);
    expect(stdout).toMatch(/^joint: loss by epoch( \d\.\d{3}){6}$/mu);
    expect(stdout).toMatch(/^6 test clips; test\/\w+\/\w+-\d{3}\.mp4 has 65,126 audio$/mu);
    const [, right, clips] = /^b-mm names (\d+) of (\d+) clips rightly$/mu.exec(stdout)!.map(Number);
    expect(clips).toBe(18);
    expect(right).toBeGreaterThan(9);
    const page = await readFile(/^report: (.*)$/mu.exec(stdout)![1]!, 'utf8');
    expect(page).toContain('<!doctype html>');
    // Of the checkout around it, if there is one, a report says nothing.
    expect(page).not.toContain('(commit ');
    const status = await modalmix('status');
    expect(status.stdout).toMatch(/^compare-\w+ +rebuildAndTrain +completed/mu);
  });

  test('answers over HTTP as it predicts', async () => {
    const run = /^(compare-\w+) /mu.exec((await modalmix('status')).stdout)![1]!;
    const clip = join(folder, 'clips', 'test', 'low', 'low-000.mp4');
    const chosen = ['--run', run, '--method', 'b-mm'];
    const predicted = await modalmix('predict', clip, ...chosen, '--json');
    const served = [join(installed, 'cli', 'modalmix.mjs'), 'serve', ...chosen, '--port', '0', '--json'];
    const service = execa(process.execPath, served, { cwd: folder, reject: false, buffer: false });
    let text = '';
    service.stdout.on('data', (bytes: Buffer) => (text += bytes.toString('utf8')));
    await until('its address', () => text.includes('"url"'), service);
    const url = /"url":"([^"]+)"/u.exec(text)![1]!;
    const body = new FormData();
    body.set('clip', new Blob([await readFile(clip)]), 'clip.mp4');
    const answer = await fetch(`${url}/v1/predict`, { method: 'POST', body });
    expect(answer.status).toBe(200);
    const logits = /"logits":\[[^\]]+\]/u.exec(await answer.text())![0];
    expect(predicted.stdout).toContain(logits);
    service.kill('SIGTERM');
    expect((await service).exitCode).toBe(0);
  });
});
