import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerVersion } from '../../../../pipelines/models/registry.ts';
import { writeModelsReport } from '../../../../pipelines/models/report/write-report.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { provenanceSchema } from '../../../../schemas/summary.ts';
import {
  drawnMarks,
  launchBrowser,
  openPage,
  overflowPx,
  smallestTextPx,
} from '../../../../bench/harness/browser.ts';
import { dayOf, makeUpHistory, newVersion } from '../made-up-history.ts';

const HOSTILE = '<img src=x onerror="alert(1)">';
const provenance = provenanceSchema.parse({
  codeVersion: '0.1.0 (commit 0123456789ab)',
  engine: 'TensorFlow 2.21.0 on the cpu, 2 threads',
  machine: 'a machine, 2 cores',
  command: 'modalmix models report emotions',
});

let folder: string;
let browser: Browser;
let store: Store;
const emotions = ['neutral', 'happy', 'sad', 'fear', 'disgust', 'anger'];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-models-report-'));
  browser = await launchBrowser();
  store = openStore(`file:${join(folder, 'store')}`);
  await makeUpHistory(store, 'emotions', { classNames: emotions });
  await makeUpHistory(store, 'actions', {
    classNames: Array.from({ length: 101 }, (_, k) => `AnActivityWithALongName${String(k)}`),
  });
  await makeUpHistory(store, 'hostile', { classNames: [HOSTILE, '</script>'], note: HOSTILE });
  await registerVersion(store, newVersion('young', 'young-first'), dayOf(1));
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(model: string): Promise<URL> {
  return pathToFileURL(join(folder, 'store', await writeModelsReport({ store, model, provenance })));
}

/** A table's body as text: a row a line, cells beside one another. */
async function rowsOf(page: Page, section: string): Promise<string[][]> {
  const rows = await page.locator(`#${section} tbody tr`).all();
  return await Promise.all(
    rows.map(async (row) =>
      (await row.locator('th, td').allInnerTexts()).map((text) => text.replaceAll(/\s+/gu, ' ').trim()),
    ),
  );
}

describe.each(['emotions', 'actions', 'young'])("the page of a model's history, %s,", (model) => {
  it.each([
    { width: 1280, height: 900 },
    { width: 390, height: 844, dark: true },
  ])('draws every chart, legibly and within $width pixels, and asks for nothing', async (size) => {
    const { page, complaints, requests } = await openPage(browser, await fileOf(model), size);
    const marks = await drawnMarks(page);
    expect(Object.keys(marks)).toEqual(
      model === 'young'
        ? []
        : [
            ...['accuracy/heldOut', 'accuracy/newData', 'drift/classes', 'drift/class-distance'],
            ...['drift/inputs', 'drift/features', 'drift/rho/audio', 'drift/rho/rgb'],
          ],
    );
    for (const [chart, count] of Object.entries(marks)) expect(count, chart).toBeGreaterThan(10);
    expect(await overflowPx(page)).toBe(0);
    expect(await smallestTextPx(page)).toBeGreaterThanOrEqual(11);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });
});

describe("the page of a model's history", () => {
  const wide = { width: 1280, height: 900 };

  it('says first which version is current, how good it is and who made it so', async () => {
    const { page } = await openPage(browser, await fileOf('emotions'), wide);
    expect(await page.locator('h1').innerText()).toBe('emotions');
    expect(await page.locator('.headline').innerText()).toBe(
      'Version 5 is current: 78.0 % on 240 held-out clips when it was judged.',
    );
    expect(await page.locator('.subline').innerText()).toBe(
      'It became current on 2026-05-09 10:30 UTC by a rollback: sounds worse in the demo room',
    );
    expect(await page.locator('header dd').allInnerTexts()).toEqual(['6', '3 of 5', '2', '6', '708', '6']);
    await page.close();
  });

  it('shows each version beside the model that it was to replace', async () => {
    const { page } = await openPage(browser, await fileOf('emotions'), wide);
    const rows = await rowsOf(page, 'accuracy');
    expect(rows[0]).toEqual(['1', '2026-05-01 10:30', 'scratch', ...Array<string>(8).fill('–')]);
    expect(rows[2]).toEqual([
      ...['3', '2026-05-04 10:30', 'version 2', '2', '240', '69.0 %', '72.0 %'],
      ...['30', '60.0 %', '66.0 %', 'rejected'],
    ]);
    expect(rows[4]?.[0]).toBe('5 current');
    const heldOut = page.locator('[data-chart="accuracy/heldOut"]');
    expect(await heldOut.locator('text', { hasText: /^current$/u }).count()).toBe(1);
    await page.locator('[data-values="accuracy/heldOut"] summary').press('Enter');
    expect(await page.locator('[data-values="accuracy/heldOut"] tbody tr').nth(2).innerText()).toMatch(
      /3\s+69\.0 %\s+72\.0 %\s+rejected/u,
    );
    await page.close();
  });

  it('says of each window what came in, what became of it and why', async () => {
    const { page } = await openPage(browser, await fileOf('emotions'), wide);
    const rows = await rowsOf(page, 'windows');
    // A row of figures a window, and below it why it became what it became.
    expect(rows).toHaveLength(12);
    expect(rows[6]).toEqual([
      ...['4', '2026-05-05 10:30', 'time was up', '118', '5', '2', '3', 'version 5, rejected'],
    ]);
    expect(rows[7]?.[1]).toContain('a gain of −6.00 points, less than the −5.00 points asked.');
    expect(rows[10]?.slice(2)).toEqual(['asked for', '118', '5', '2', '3', 'skipped']);
    expect(rows[11]?.[1]).toBe('none of its clips is in the training split');
    await page.close();
  });

  it('lets one read the drift from a table, and pick a class out', async () => {
    const { page } = await openPage(browser, await fileOf('emotions'), wide);
    await page.locator('[data-values="drift/inputs"] summary').press('Enter');
    const rows = page.locator('[data-values="drift/inputs"] tbody tr');
    await expect
      .poll(async () => await rows.allInnerTexts())
      .toEqual([
        '1\t0.250\t0.030',
        '2\t0.500\t0.030',
        '3\t0.750\t0.030',
        '4\t1.000\t0.030',
        '5\t1.250\t0.030',
      ]);
    const faint = async () =>
      await page.locator('[data-chart="drift/classes"] path[fill-opacity="0.18"]').count();
    await expect.poll(faint).toBe(0);
    await page.locator('.class-list button', { hasText: 'sad' }).press('Space');
    // Six columns of the five other classes.
    await expect.poll(faint).toBe(30);
    await page.close();
  });

  it('has every move, by the gate and by hand, newest first', async () => {
    const { page } = await openPage(browser, await fileOf('emotions'), wide);
    // A row of facts a move, and below it why.
    const rows = await rowsOf(page, 'moves');
    expect(rows[1]?.[1]).toBe('sounds worse in the demo room');
    const moves = rows.flatMap(([, , current, by]) => (by === undefined ? [] : [`${String(current)} ${by}`]));
    expect(moves).toEqual([
      '6 → 5 rolled back by hand',
      '5 → 6 gate',
      '4 → 5 promoted by hand',
      '2 → 4 gate',
      '1 → 2 gate',
      '1 first version',
    ]);
    await page.close();
  });

  it('names what each version is made of, and how to make the page again', async () => {
    const source = (
      await store.get(await writeModelsReport({ store, model: 'emotions', provenance }))
    ).toString();
    for (let window = 1; window <= 5; window += 1) {
      expect(source).toContain(`runs/emotions-window-${String(window)}/model.safetensors`);
      expect(source).toContain(`clips/snapshot${String(window)}`);
    }
    for (const fact of [...Object.values(provenance), '0'.repeat(64)]) expect(source).toContain(fact);
  });

  it('shows hostile names as text', async () => {
    const { page, complaints, requests } = await openPage(browser, await fileOf('hostile'), wide);
    expect(await page.locator('.subline').innerText()).toContain(HOSTILE);
    expect(await page.locator('.class-list button').allInnerTexts()).toEqual([HOSTILE, '</script>']);
    await page.locator('[data-chart="drift/classes"]').hover();
    expect(await page.locator('[src="x"]').count()).toBe(0);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });

  it('has the same bytes when it is written again, and is refused for a model that is not there', async () => {
    const path = await writeModelsReport({ store, model: 'emotions', provenance });
    expect(path).toBe(storePaths.modelReport('emotions'));
    const before = await store.get(path);
    await writeModelsReport({ store, model: 'emotions', provenance });
    expect((await store.get(path)).equals(before)).toBe(true);
    await expect(writeModelsReport({ store, model: 'emotion' })).rejects.toMatchObject({ kind: 'config' });
  });
});
