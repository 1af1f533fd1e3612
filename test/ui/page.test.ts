/** The page in a real browser, on a real run: from nothing to the report, with a pause and a killed worker in between. */
import { copyFile, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, overflowPx } from '../../bench/harness/browser.ts';
import { runningSupervisor } from '../../infra/supervisor/supervise.ts';
import type { ClipFacts, ClipsPage, DatasetFacts, DatasetLine, RunFacts, StoreFacts } from '../../ui/wire.ts';
import { killWorker, until } from '../support/observe.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { probeUi, watchedPage, wrongs, type UiProbe } from './support.ts';

const HOSTILE = '<img src=x onerror=alert(1)>';
const SHORT_MS = 30_000;
const LONG_MS = 300_000;

let project: Project;
let clips: string;
let config: string;
let probe: UiProbe;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
let workflowId = '';
let store = '';
let dataset: DatasetLine;

const openPage = async (width: number, dark = false) =>
  await watchedPage(browser, probe, complaints, { width, dark });

const visible = async (of: Page, text: string | RegExp, timeout = SHORT_MS) => {
  await of.getByText(text).first().waitFor({ timeout });
};
const go = async (of: Page, hash: string) => {
  await of.evaluate(`location.hash = ${JSON.stringify(hash)}`);
};

beforeAll(async () => {
  project = await createProject();
  clips = await makeTinyClips();
  for (const split of ['train', 'test'])
    await rename(join(clips, split, 'high'), join(clips, split, HOSTILE));
  await writeFile(join(clips, 'train', 'low', 'broken.mp4'), 'this is no film');
  await copyFile(join(clips, 'train', 'low', 'low-010.mp4'), join(clips, 'train', 'low', 'low-again.mp4'));
  config = await project.config('page', tinyConfig(clips, join(project.folder, 'store'), { epochs: 30 }));
  probe = await probeUi({ storeUri: `file:${join(project.folder, 'store')}` });
  browser = await launchBrowser();
  page = await openPage(1280);
}, LONG_MS);
afterAll(async () => {
  await browser.close();
  await probe.ui.close();
  await project.end();
  await rm(clips, { recursive: true, force: true });
});

describe('a run, followed', () => {
  it('begins where nothing was started: the page says so, and starts nothing', async () => {
    await visible(page, /Nothing has been started here/u);
    expect(new URL(page.url()).search).toBe('');
    expect(runningSupervisor()).toBeUndefined();
    expect(await wrongs(page)).toEqual([]);
  });

  it(
    'is started by its config, and its stages fill without loading again',
    async () => {
      await page.getByLabel(/^Start a run/u).fill(config);
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      await page.getByRole('heading', { name: /^tiny-/u }).waitFor({ timeout: LONG_MS });
      workflowId = (await page.getByRole('heading', { name: /^tiny-/u }).textContent()) ?? '';
      await page.evaluate('globalThis.neverLoadedAgain = true');
      await page
        .getByRole('row', { name: /extract features done 38\/38 clips/u })
        .waitFor({ timeout: LONG_MS });
      await page
        .getByRole('row', { name: /train b-mm seed 0 \d+ % \d+\/180 steps/u })
        .waitFor({ timeout: LONG_MS });
      expect(await wrongs(page)).toEqual([]);
    },
    LONG_MS,
  );

  it(
    'rests and goes on by click',
    async () => {
      await page.getByRole('button', { name: `Pause ${workflowId}` }).click();
      await page.locator('.state.paused').waitFor({ timeout: SHORT_MS });
      const resume = page.getByRole('button', { name: `Resume ${workflowId}` });
      await resume.waitFor({ timeout: SHORT_MS });
      await resume.click();
      await page.locator('.state.running').waitFor({ timeout: SHORT_MS });
      // It trains again: its rate is back.
      await page
        .getByRole('row', { name: /train b-mm seed 0 \d+ % \d+\/180 steps [\d.]+\/s/u })
        .waitFor({ timeout: LONG_MS });
    },
    LONG_MS,
  );

  it(
    'shows that its worker was killed, and that another one goes on',
    async () => {
      killWorker();
      await visible(page, /The worker ended \(SIGKILL\) and was started again/u, LONG_MS);
      await visible(page, 'worker at work', LONG_MS);
    },
    LONG_MS,
  );

  it(
    'ends with its report within the page',
    async () => {
      await page
        .locator('.state.completed')
        .waitFor({ timeout: LONG_MS - SHORT_MS })
        .catch(async (error: unknown) => {
          console.error(await page.locator('main').innerText(), error);
          throw error;
        });
      await page.getByRole('link', { name: 'Report', exact: true }).click();
      const report = page.frameLocator('iframe.report');
      await report.getByRole('heading', { name: 'Results' }).waitFor({ timeout: SHORT_MS });
      // Its own script draws there, and reaches nothing of the page around it.
      await report.locator('[data-chart] svg').first().waitFor({ state: 'attached', timeout: SHORT_MS });
      expect(await page.locator('iframe.report').getAttribute('sandbox')).toBe('allow-scripts');
      expect(await page.evaluate('globalThis.neverLoadedAgain')).toBe(true);
      await page.getByRole('link', { name: 'Log', exact: true }).click();
      await visible(page, /Worker state changed/u);
    },
    LONG_MS,
  );
});

describe('what the run left', () => {
  beforeAll(async () => {
    const facts = (await probe.ask(`/api/runs/${workflowId}`)).json as RunFacts;
    store = facts.store?.id ?? '';
    dataset = { name: facts.dataset?.name ?? '', version: facts.dataset?.version ?? '' };
  });

  it('curves are drawn for the chosen training', async () => {
    await go(page, '/curves');
    await page.getByRole('checkbox').first().check();
    await page.locator('.panel .chart svg path').first().waitFor({ state: 'attached', timeout: SHORT_MS });
    expect(await page.locator('.panel').count()).toBeGreaterThanOrEqual(8);
    for (const title of [
      'Loss',
      'Accuracy, fused model',
      'Accuracy, audio',
      'ρ, audio',
      'λ, rgb',
      'Steps a second',
      'Waiting for data',
    ])
      await visible(page, title);
    await page.getByRole('row', { name: /tiny-b-mm-s0-\w+ .* 30 180 /u }).waitFor({ timeout: SHORT_MS });
    expect(await wrongs(page)).toEqual([]);
  });

  it('clips are found by name, class and what is odd; a hostile class name is text', async () => {
    await go(page, `/data/${store}/${dataset.name}/${dataset.version}`);
    await page.locator('.clips img').first().waitFor({ timeout: SHORT_MS });
    expect(
      await page.getByRole('combobox', { name: 'Class', exact: true }).locator('option').allTextContents(),
    ).toEqual(['all classes', HOSTILE, 'low']);
    await page.getByRole('combobox', { name: 'Class', exact: true }).selectOption({ label: HOSTILE });
    await visible(page, '18 clips');
    await page.getByRole('combobox', { name: 'Class', exact: true }).selectOption('-1');
    await page
      .getByRole('combobox', { name: 'Show', exact: true })
      .selectOption({ label: 'quarantined (1)' });
    await visible(page, '1 clip');
    await page.getByRole('link', { name: /broken\.mp4/u }).waitFor();
    await page
      .getByRole('combobox', { name: 'Show', exact: true })
      .selectOption({ label: 'same content (2)' });
    await visible(page, '2 clips');
    await page.getByRole('combobox', { name: 'Show', exact: true }).selectOption('all');
    await page.getByLabel('Search clips').fill('low-01');
    await visible(page, '8 clips');
    expect(await page.locator('.clips img[src="x"]').count()).toBe(0);
    expect(await wrongs(page)).toEqual([]);
  });

  it('a clip is seen, its spectrogram too, and it plays', async () => {
    await page
      .getByRole('link', { name: /low-010\.mp4/u })
      .first()
      .click();
    await page.locator('img.spectrogram').waitFor({ timeout: SHORT_MS });
    await until(
      'the pictures',
      async () =>
        await page.evaluate<boolean>(
          `[...document.querySelectorAll('.clip img')].every((img) => img.complete && img.naturalWidth > 0)`,
        ),
    );
    await page.evaluate(
      `document.querySelector('video').muted = true, document.querySelector('video').play()`,
    );
    await until(
      'the film to move',
      async () => (await page.evaluate<number>(`document.querySelector('video').currentTime`)) > 0.2,
    );
    await page.getByRole('link', { name: /low-again\.mp4/u }).waitFor();
    expect(await wrongs(page)).toEqual([]);
  });

  it('leads from a mistake to its clip and back', async () => {
    await go(page, `/runs/${workflowId}/mistakes`);
    await visible(page, /surest about and wrong/u);
    expect(await wrongs(page)).toEqual([]);
    await go(
      page,
      `/data/${store}/${dataset.name}/${dataset.version}/clip?id=${encodeURIComponent('test/low/low-000.mp4')}&run=${workflowId}`,
    );
    await page.getByRole('link', { name: `Mistakes of ${workflowId}` }).click();
    await visible(page, /surest about and wrong/u);
  });

  it.each([390, 1280])(
    'fits %i px in the dark, is told by a screen reader, and complains of nothing',
    async (width) => {
      const narrow = await openPage(width, true);
      const clip = `/data/${store}/${dataset.name}/${dataset.version}/clip?id=${encodeURIComponent('test/low/low-000.mp4')}`;
      const places = [
        '/runs',
        `/runs/${workflowId}`,
        `/runs/${workflowId}/log`,
        `/runs/${workflowId}/report`,
        '/curves',
        `/data/${store}/${dataset.name}/${dataset.version}`,
        clip,
        '/models',
        '/streams',
      ];
      for (const place of places) {
        await go(narrow, place);
        await narrow.getByRole('heading', { level: 1 }).waitFor();
        await until(`${place} to be there`, async () => (await narrow.getByText('Looking …').count()) === 0);
        expect(await overflowPx(narrow), place).toBeLessThanOrEqual(0);
        expect(await wrongs(narrow), place).toEqual([]);
      }
      await narrow.close();
      expect(complaints).toEqual([]);
    },
    LONG_MS,
  );

  it('is used by keyboard: the first stop skips to the content, and focus is seen', async () => {
    await go(page, '/runs');
    await page.reload();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  });
});

describe('files', () => {
  const clipPath = (what: string, id: string, more = '') =>
    `/api/stores/${store}/datasets/${dataset.name}/${dataset.version}/${what}?id=${encodeURIComponent(id)}${more}`;
  const ID = 'test/low/low-001.mp4';

  it('are sent whole and in parts', async () => {
    const file = await readFile(join(clips, 'test', 'low', 'low-001.mp4'));
    const whole = await probe.ask(clipPath('media', ID));
    expect(whole.status).toBe(200);
    expect(whole.headers).toMatchObject({
      'content-type': 'video/mp4',
      'accept-ranges': 'bytes',
      'content-length': String(file.length),
    });
    expect(whole.body.equals(file)).toBe(true);
    const parts: [string, number, number][] = [
      ['bytes=0-99', 0, 99],
      [`bytes=100-`, 100, file.length - 1],
      ['bytes=-50', file.length - 50, file.length - 1],
      [`bytes=10-${String(file.length * 2)}`, 10, file.length - 1],
    ];
    for (const [range, start, end] of parts) {
      const part = await probe.ask(clipPath('media', ID), { headers: { range } });
      expect(part.status, range).toBe(206);
      expect(part.headers['content-range']).toBe(
        `bytes ${String(start)}-${String(end)}/${String(file.length)}`,
      );
      expect(part.body.equals(file.subarray(start, end + 1))).toBe(true);
    }
    const beyond = await probe.ask(clipPath('media', ID), {
      headers: { range: `bytes=${String(file.length)}-` },
    });
    expect(beyond.status).toBe(416);
    expect((await probe.ask(clipPath('media', ID), { headers: { range: 'lines=1-2' } })).status).toBe(200);
  });

  it('of a kind that no browser plays are translated', async () => {
    const answer = await probe.ask(clipPath('media', ID, '&as=mp4'), { headers: { range: 'bytes=4-7' } });
    expect(answer.status).toBe(206);
    expect(answer.text).toBe('ftyp');
  });

  it('are those of the dataset alone, whatever is asked for or linked', async () => {
    const secret = join(project.folder, 'secret.mp4');
    await writeFile(secret, 'secret');
    for (const id of ['../../secret.mp4', secret, '%2e%2e/secret.mp4', '']) {
      expect((await probe.ask(clipPath('media', id))).status, id).toBe(400);
    }
    const file = join(clips, 'test', 'low', 'low-002.mp4');
    await rm(file);
    await symlink(secret, file);
    const linked = await probe.ask(clipPath('media', 'test/low/low-002.mp4'));
    expect(linked.status).toBe(400);
    expect(linked.text).toContain('lies outside');
    expect(
      ((await probe.ask(clipPath('clip', 'test/low/low-002.mp4'))).json as ClipFacts).mediaProblem,
    ).toContain('lies outside');
    for (const path of [
      `/api/stores/${store}/reports/run/..%2f..%2fsecret.mp4`,
      `/api/stores/${store}/reports/run/%2e%2e`,
      `/api/stores/${store}/datasets/..%2f../x/media?id=y`,
      `/api/stores/nowhere/datasets`,
      '/client/..%2f..%2fpackage.json',
    ]) {
      expect([400, 404], path).toContain((await probe.ask(path)).status);
    }
    const report = join(project.folder, 'store', 'runs', workflowId, 'report', 'index.html');
    await rm(report);
    await symlink(secret, report);
    const answer = await probe.ask(`/api/stores/${store}/reports/run/${workflowId}`);
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain('secret');
  });

  it('have what the store says of them', async () => {
    const facts = (await probe.ask(`/api/stores/${store}/datasets/${dataset.name}/${dataset.version}`))
      .json as DatasetFacts;
    expect(facts).toMatchObject({
      clips: 38,
      duplicates: 2,
      quarantined: [{ code: 'unreadable', count: 1 }],
      hasFiles: true,
    });
    const found = (
      await probe.ask(
        `/api/stores/${store}/datasets/${dataset.name}/${dataset.version}/clips?only=duplicates`,
      )
    ).json as ClipsPage;
    expect(found.clips.map(({ clipId }) => clipId).sort()).toEqual([
      'train/low/low-010.mp4',
      'train/low/low-again.mp4',
    ]);
    expect((await probe.ask('/api/stores')).json as StoreFacts[]).toHaveLength(1);
  });
});
