/** A run that failed, and one that is through, started again by click; and `modalmix run --open`. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser } from '../../bench/harness/browser.ts';
import { listFiles } from '../../pipelines/datasets/list-files.ts';
import { until } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { probeUi, watchedPage, type UiProbe } from './support.ts';

const LONG_MS = 300_000;

let project: Project;
let clips: string;
let config: string;
let probe: UiProbe;
let browser: Browser;
let page: Page;
let workflowId = '';
const complaints: string[] = [];

const isIn = async (state: string) =>
  await page.locator(`h1 ~ .state.${state}`).waitFor({ timeout: LONG_MS });
const startAgain = async () => await page.getByRole('button', { name: 'Start again', exact: true }).click();

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips({ clipsPerClass: 9 });
  config = await project.config('again', tinyConfig(clips, join(project.folder, 'store'), { epochs: 2 }));
  probe = await probeUi({ storeUri: `file:${join(project.folder, 'store')}` });
  browser = await launchBrowser();
  page = await watchedPage(browser, probe, complaints, { width: 1280 });
}, LONG_MS);
afterAll(async () => {
  await browser.close();
  await probe.ui.close();
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

it(
  'says why a run failed, and goes on by click when that is put right',
  async () => {
    const [train, kept] = [join(clips, 'train'), join(project.folder, 'kept')];
    await rename(train, kept);
    for (const file of await listFiles(kept)) {
      const broken = join(train, file.slice(kept.length));
      await mkdir(join(broken, '..'), { recursive: true });
      await writeFile(broken, 'this is no film');
    }
    await page.getByLabel(/^Start a run/u).fill(config);
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('heading', { name: /^tiny-/u }).waitFor({ timeout: LONG_MS });
    workflowId = (await page.getByRole('heading', { name: /^tiny-/u }).textContent()) ?? '';
    await isIn('failed');
    await page.getByRole('alert').first().waitFor();
    expect(await page.getByRole('alert').first().innerText()).toMatch(/train/u);
    await rm(train, { recursive: true });
    await rename(kept, train);
    await startAgain();
    await isIn('running');
    await isIn('completed');
    await page.getByRole('link', { name: 'Report', exact: true }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  },
  LONG_MS,
);

it(
  'a run that is through is started again, and has nothing left to do',
  async () => {
    const model = join(project.folder, 'store', 'runs');
    const weights = (await listFiles(model)).filter((file) => file.endsWith('model.safetensors'));
    expect(weights).toHaveLength(1);
    const before = await readFile(weights[0]!);
    const started = (await probe.ask(`/api/runs/${workflowId}`)).json as { readonly temporal?: string };
    expect(started.temporal).toContain(workflowId);
    await startAgain();
    await isIn('running');
    await isIn('completed');
    expect((await readFile(weights[0]!)).equals(before)).toBe(true);
    expect(complaints).toEqual([]);
  },
  LONG_MS,
);

it(
  '"modalmix run --open" opens the run’s own page, and serves it until Ctrl-C',
  async () => {
    const bin = join(project.folder, 'bin');
    const told = join(project.folder, 'opened');
    await mkdir(bin);
    await writeFile(join(bin, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" > '${told}'\n`);
    await chmod(join(bin, 'xdg-open'), 0o755);
    process.env['PATH'] = `${bin}${delimiter}${process.env['PATH'] ?? ''}`;
    const command = project.start('run', config, '--open');
    let text = '';
    command.stdout.on('data', (bytes: Buffer) => (text += bytes.toString('utf8')));
    await until('it to say that it serves', () => text.includes('Ctrl-C closes it'), command);
    const url = await readFile(told, 'utf8');
    expect(url).toMatch(
      new RegExp(`^http://127\\.0\\.0\\.1:\\d+/\\?token=[\\w-]{43}#/runs/${workflowId}$`, 'u'),
    );
    const opened = await browser.newPage();
    await opened.goto(url);
    await opened.getByRole('heading', { name: workflowId }).waitFor();
    await opened.locator('.state.completed').waitFor();
    await opened.close();
    command.kill('SIGINT');
    expect((await command).exitCode).toBe(0);
  },
  LONG_MS,
);
