import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport, type WrittenReport } from '../../../../pipelines/evaluation/report/write-report.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { provenanceSchema, summarySchema } from '../../../../schemas/summary.ts';
import {
  drawnMarks,
  launchBrowser,
  openPage,
  overflowPx,
  smallestTextPx,
} from '../../../../bench/harness/browser.ts';
import { makeUpRun, type MadeUpOptions, type MadeUpRun } from '../../../../bench/harness/made-up-run.ts';

const MEBIBYTE = 2 ** 20;
const HOSTILE = '<img src=x onerror="alert(1)">';
const provenance = provenanceSchema.parse({
  codeVersion: '0.1.0 (commit 0123456789ab)',
  engine: 'TensorFlow 2.21.0 on CPU',
  machine: 'a machine, 2 cores',
  command: 'modalmix run made-up.yaml',
});

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-report-'));
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

interface Written extends MadeUpRun, WrittenReport {
  readonly store: Store;
  readonly file: URL;
  readonly page: string;
}

async function report(runId: string, title: string, options: MadeUpOptions): Promise<Written> {
  const root = join(folder, runId);
  const store = openStore(`file:${root}`);
  const run = await makeUpRun(store, options);
  const written = await writeReport({ store, runId, title, ...run, provenance });
  const page = (await store.get(written.reportPath)).toString('utf8');
  return { ...run, ...written, store, page, file: pathToFileURL(join(root, written.reportPath)) };
}

const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

describe.each([
  {
    name: 'ten classes, five methods, three seeds',
    options: {
      classNames: digits,
      methods: ['unimodal', 'joint', 'ogm-ge', 'mm', 'b-mm'],
      seeds: [0, 1, 2],
    } as const,
  },
  {
    name: '101 classes and three modalities',
    options: {
      classNames: Array.from({ length: 101 }, (_, k) => `AnActivityWithALongName${String(k)}`),
      methods: ['joint', 'b-mm'],
      seeds: [0],
      modalities: ['audio', 'rgb', 'flow'],
      testClips: 1010,
    } as const,
  },
  {
    name: 'one modality, one epoch',
    options: {
      classNames: ['yes', 'no'],
      methods: ['joint'],
      seeds: [4],
      modalities: ['audio'],
      epochs: 1,
    } as const,
  },
])('a report of $name', ({ name, options }) => {
  let written: Written;
  beforeAll(async () => {
    written = await report(name.replaceAll(/[^a-z0-9]+/gu, '-'), name, options);
  });

  it.each([
    { width: 1280, height: 900 },
    { width: 390, height: 844, dark: true },
  ])('draws every chart, legibly and within $width pixels, and asks for nothing', async (size) => {
    const { page, complaints, requests } = await openPage(browser, written.file, size);
    const marks = await drawnMarks(page);
    const modalities = written.config.extraction.modalities;
    const expected = [...modalities, 'fused'].flatMap((head) => [
      `accuracy/${head}`,
      `layout/${head}/train`,
      `layout/${head}/test`,
    ]);
    expect(Object.keys(marks)).toEqual(
      expect.arrayContaining([...expected, 'loss', 'confusion', ...modalities.map((m) => `rho/${m}`)]),
    );
    for (const [chart, count] of Object.entries(marks)) expect(count, chart).toBeGreaterThan(5);
    expect(await overflowPx(page)).toBe(0);
    expect(await smallestTextPx(page)).toBeGreaterThanOrEqual(11);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });

  it('is one file of less than 5 MiB with its table beside it as data', async () => {
    expect(written.page.length).toBeLessThan(5 * MEBIBYTE);
    const stored = await written.store.get(storePaths.summary(name.replaceAll(/[^a-z0-9]+/gu, '-')));
    expect(summarySchema.parse(JSON.parse(stored.toString('utf8')))).toEqual(written.summary);
    expect(written.summary.rows.map(({ method }) => method)).toEqual(options.methods);
  });
});

describe('a report', () => {
  it('tells intervals over how many groups, probes beside branches, scaled calibration, and scores by class', async () => {
    const { page: source, summary } = await report('judged', 'judged', {
      ...{ classNames: digits, methods: ['joint', 'b-mm'], seeds: [0, 1], testClips: 400 },
    });
    expect(summary.testGroups).toEqual({ count: 20, groupedClips: 400 });
    const [joint, bmm] = summary.rows;
    for (const { accuracy, interval } of [joint!, bmm!]) {
      expect(interval!.low).toBeLessThan(accuracy.mean);
      expect(interval!.high).toBeGreaterThan(accuracy.mean);
    }
    const behind = [joint!.behindBest, bmm!.behindBest].filter((one) => one !== undefined);
    expect(behind).toHaveLength(1);
    const text = source.replaceAll(/<[^>]*>/gu, ' ').replaceAll(/\s+/gu, ' ');
    expect(text).toContain('by bootstrap over the test clips’ 20 groups, with all their clips.');
    for (const head of ['95 % interval', 'Audio branch', 'Audio probe', 'Calibration, scaled', 'Recall'])
      expect(text).toContain(head);
    expect(text).toContain('A probe says what the features carry');
    expect(text).toContain('Scores by class, b-mm');
  });

  it('shows hostile names as text, wherever they come from', async () => {
    const { file, page: source } = await report('hostile', `${HOSTILE}</title></script>`, {
      classNames: [HOSTILE, '</script><script>alert(2)</script>', '${alert(3)}', '"\'&<!--'],
      methods: ['joint', 'b-mm'],
      seeds: [0],
      clipName: (n) => `${HOSTILE}-${String(n)}`,
    });
    expect(source).not.toContain('<img src=x');
    const { page, complaints, requests } = await openPage(browser, file, { width: 1280, height: 900 });
    expect(await page.title()).toContain(HOSTILE);
    expect(await page.locator('.class-list button').allTextContents()).toEqual([
      HOSTILE,
      '</script><script>alert(2)</script>',
      '${alert(3)}',
      '"\'&<!--',
    ]);
    await page.locator('[data-values="confusion"] summary').click();
    expect(await page.locator('[data-values="confusion"] tbody th').first().textContent()).toBe(HOSTILE);
    await page.locator('[data-chart="confusion"]').hover();
    await page.locator('.tip').waitFor();
    expect(await page.locator('.tip').textContent()).toMatch(/alert|img|"'&/u);
    expect(await page.locator('[src="x"]').count()).toBe(0);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });

  it('lets one choose methods, trainings and classes with the keyboard', async () => {
    const { file, summary } = await report('chosen', 'Chosen', {
      classNames: digits,
      methods: ['joint', 'b-mm'],
      seeds: [0, 1],
    });
    const best = [...summary.rows].sort((a, b) => b.accuracy.mean - a.accuracy.mean)[0]?.method ?? '';
    const { page, complaints } = await openPage(browser, file, { width: 1280, height: 900 });
    const choices = page.locator('select[data-training]');
    expect(await choices.first().locator('option:checked').textContent()).toBe(`${best}, seed 0`);

    const before = (await drawnMarks(page))['accuracy/fused'] ?? 0;
    await page.locator('#curves [data-method="joint"]').press('Enter');
    expect((await drawnMarks(page))['accuracy/fused']).toBeLessThan(before);
    expect(await page.locator('#robustness [data-method="joint"]').getAttribute('aria-pressed')).toBe(
      'false',
    );

    await choices.first().selectOption({ label: 'joint, seed 1' });
    expect(await choices.last().locator('option:checked').textContent()).toBe('joint, seed 1');
    expect(await page.locator('[data-of-training]:visible').count()).toBe(1);
    expect(await page.locator('[data-of-training="1"]').isVisible()).toBe(true);

    await page.locator('.class-list button').first().press('Space');
    expect(await page.locator('.class-list button').first().getAttribute('aria-pressed')).toBe('true');

    await page.locator('[data-values="accuracy/fused"] summary').press('Enter');
    await page.locator('[data-values="accuracy/fused"] tbody tr').first().waitFor();
    expect(await page.locator('[data-values="accuracy/fused"] tbody tr').count()).toBe(30);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('names what each figure was made from, down to the hashes of the shards', async () => {
    const { page, manifest, trainings } = await report('traced', 'Traced', {
      classNames: digits,
      methods: ['b-mm'],
      seeds: [0, 1],
    });
    for (const { trainingId } of trainings) expect(page).toContain(storePaths.run(trainingId));
    for (const { sha256 } of manifest.shards) expect(page).toContain(sha256);
    for (const fact of [manifest.version, provenance.codeVersion, provenance.engine, provenance.command]) {
      expect(page).toContain(fact);
    }
    expect(page).toContain('batchSize: 64');
    expect(page).toContain('moov atom not found');
    expect(page).toContain('3 clips listed but not there');
  });

  it('has the same bytes when it is written again', async () => {
    const { store, page, reportPath, ...run } = await report('again', 'Again', {
      classNames: digits,
      methods: ['mm'],
      seeds: [0],
    });
    await writeReport({ store, runId: 'again', title: 'Again', ...run, provenance });
    expect((await store.get(reportPath)).toString('utf8')).toBe(page);
  });

  it('is refused with the missing file’s name when a training was not evaluated', async () => {
    const store = openStore(`file:${join(folder, 'incomplete')}`);
    const run = await makeUpRun(store, { classNames: digits, methods: ['mm'], seeds: [0] });
    const path = storePaths.evaluation(run.trainings[0]?.trainingId ?? '');
    await store.put(path, '{}');
    const write = () => writeReport({ store, runId: 'incomplete', title: 'Incomplete', ...run, provenance });
    await expect(write()).rejects.toMatchObject({ kind: 'input', where: path });
    await store.delete(path);
    await expect(write()).rejects.toMatchObject({ kind: 'input' });
    expect(await store.exists(storePaths.report('incomplete'))).toBe(false);
  });
});
