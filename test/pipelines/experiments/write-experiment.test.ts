import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { experimentTable } from '../../../cli/text/experiment-table.ts';
import { writeExperiment } from '../../../pipelines/experiments/write-experiment.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { ExperimentSummary } from '../../../schemas/config/experiment.ts';
import { METHODS } from '../../../schemas/config/methods.ts';
import { storePaths } from '../../../schemas/names.ts';
import { provenanceSchema } from '../../../schemas/summary.ts';
import { testPython } from '../../reference/python.ts';
import {
  drawnMarks,
  launchBrowser,
  openPage,
  overflowPx,
  smallestTextPx,
} from '../../../bench/harness/browser.ts';
import { EXPERIMENT, makeUpExperiment, SPEAKERS } from './made-up-experiment.ts';

const provenance = provenanceSchema.parse({
  codeVersion: '0.1.0 (commit 0123456789ab)',
  engine: 'TensorFlow 2.21.0 on the cpu, 2 threads',
  machine: 'a machine, 2 cores',
  command: 'modalmix experiment emotions.yaml',
});
const LAST = METHODS.at(-1)!;
const CONDITIONS = 3;
const PLANNED = ['b-mm − mm', 'mm − joint', 'b-mm − joint', 'ogm-ge − joint'];

let folder: string;
let browser: Browser;
let store: Store;
let summary: ExperimentSummary;
const fileOf = (path: string) => join(folder, 'store', path);
const page = () => pathToFileURL(fileOf(storePaths.experimentReport(EXPERIMENT)));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-experiment-'));
  browser = await launchBrowser();
  store = openStore(`file:${join(folder, 'store')}`);
  const { dataset } = await makeUpExperiment(store);
  summary = await writeExperiment({ store, experimentId: EXPERIMENT, datasets: [dataset], provenance });
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

describe("an experiment's summary", () => {
  it('counts every cell of the matrix, and says what is not done and why', () => {
    const all = 2 * METHODS.length * CONDITIONS;
    expect(summary.cells).toEqual({ done: all - 5, failed: 1, 'not applicable': 0, missing: 4 });
    expect(summary.notDone).toHaveLength(5);
    expect(summary.notDone.find(({ state }) => state === 'failed')).toMatchObject({
      ...{ method: LAST, seed: 1, condition: 'as it is', reason: 'the loss became NaN at step 7' },
    });
  });

  it('has means over the seeds that are done, and compares under the first condition alone', () => {
    expect(summary.rows).toHaveLength(METHODS.length * CONDITIONS - 2);
    expect(summary.rows[0]).toMatchObject({
      method: METHODS[0],
      seeds: [0, 1],
      seconds: { mean: 36, std: 0 },
    });
    const pairs = (METHODS.length * (METHODS.length - 1)) / 2;
    expect(summary.pairs).toHaveLength(pairs);
    const both = summary.pairs.find(({ second }) => second === LAST);
    expect([both?.groups.unit, both?.groups.count, both?.trainings.count]).toEqual(['group', SPEAKERS, 1]);
    expect(summary.ranking?.blocks).toBe(2);
    expect(summary.ranking?.ranks.map(({ method }) => method).sort()).toEqual(METHODS.slice(0, -1).sort());
    for (const { groups } of summary.pairs) expect(groups.holm).toBeGreaterThanOrEqual(groups.p);
    expect(summary.datasets[0]).toMatchObject({ testClips: 120, groups: { unit: 'group', count: SPEAKERS } });
  });

  it('has the planned contrasts, over all and by condition, by the speakers of the test clips', () => {
    expect(summary.contrasts.map(({ condition }) => condition)).toEqual([
      undefined,
      'as it is',
      'noisy labels',
      'few & <odd>',
    ]);
    for (const { condition, contrasts } of summary.contrasts) {
      expect(contrasts.map(({ first, second }) => `${first} − ${second}`)).toEqual(PLANNED);
      for (const { blocks, groups } of contrasts) {
        expect([blocks.count, groups.unit, groups.count]).toEqual([
          condition === undefined ? 6 : 2,
          'group',
          SPEAKERS,
        ]);
      }
    }
    // As the rows have it: equal test splits, so the mean over blocks is the difference of means.
    const accuracyOf = (name: string) =>
      summary.rows.find(({ condition, method }) => condition === 'as it is' && method === name)!.accuracy
        .mean;
    expect(summary.contrasts[1]!.contrasts[0]!.difference).toBeCloseTo(
      accuracyOf('b-mm') - accuracyOf('mm'),
      12,
    );
  });
});

describe("an experiment's result", () => {
  it('is the same table as Arrow and as CSV, to other programs too', () => {
    const script = [
      'import sys, csv, pyarrow as pa',
      't = pa.ipc.open_file(sys.argv[1]).read_all()',
      'rows = list(csv.DictReader(open(sys.argv[2], newline="", encoding="utf8")))',
      'assert t.num_rows == len(rows), (t.num_rows, len(rows))',
      'for a, b in zip(t.to_pylist(), rows):',
      '    assert {k: "" if v is None else str(v) for k, v in a.items() if k != "value"} == {k: v for k, v in b.items() if k != "value"}, (a, b)',
      '    assert (a["value"] is None) == (b["value"] == "") and (a["value"] is None or abs(a["value"] - float(b["value"])) < 1e-12)',
      'print(t.num_rows, sum(r["metric"] == "accuracy" and r["head"] == "fused" and r["test"] == "intact" for r in rows))',
    ].join('\n');
    const paths = [storePaths.experimentArrow(EXPERIMENT), storePaths.experimentCsv(EXPERIMENT)].map(fileOf);
    const [count, accuracies] = execFileSync(testPython(), ['-c', script, ...paths], { encoding: 'utf8' })
      .trim()
      .split(' ');
    // A done cell: 4 scores of the fused model, of 2 branches and of 2 × (2 noises + dropped), 2 probes, and 3 costs.
    expect(Number(count)).toBe(summary.cells.done * (4 * 9 + 2 + 3) + 5);
    expect(Number(accuracies)).toBe(summary.cells.done);
  });

  it('has the probes beside the branches, in rows, table and page', async () => {
    const csv = (await store.get(storePaths.experimentCsv(EXPERIMENT))).toString('utf8').split('\r\n');
    for (const { condition, method, probes } of summary.rows) {
      if (condition !== 'as it is') continue;
      for (const head of ['audio', 'rgb'] as const) {
        const values = csv
          .map((line) => line.split(','))
          .filter((row) => row[2] === condition && row[4] === method && row[8] === head && row[9] === 'probe')
          .map((row) => Number(row[11]));
        expect(probes?.[head]?.values).toEqual(values);
      }
    }
    expect(experimentTable(summary)).toMatch(/^method +fused +audio +rgb +audio probe +rgb probe +seeds/mu);
    const text = (await store.get(storePaths.experimentReport(EXPERIMENT))).toString('utf8');
    const order = ['Audio branch', 'Audio probe', 'Video branch', 'Video probe', 'Macro F1'];
    const places = order.map((name) => text.indexOf(`class="sort">${name}<`));
    expect(places.every((place) => place > 0)).toBe(true);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
  });

  it('is written again with the same bytes', async () => {
    const paths = [storePaths.experimentReport(EXPERIMENT), storePaths.experimentArrow(EXPERIMENT)];
    const before = await Promise.all(paths.map(async (path) => await store.get(path)));
    const dataset = { name: 'made-up', version: 'c0ffee0123456789' };
    await writeExperiment({ store, experimentId: EXPERIMENT, datasets: [dataset], provenance });
    expect(await Promise.all(paths.map(async (path) => await store.get(path)))).toEqual(before);
  });
});

describe("an experiment's page", () => {
  it.each([
    { width: 1280, height: 900 },
    { width: 390, height: 844, dark: true },
  ])('draws every chart, legibly and within $width pixels, and asks for nothing', async (size) => {
    const { page: opened, complaints, requests } = await openPage(browser, page(), size);
    const marks = await drawnMarks(opened);
    expect(Object.keys(marks)).toEqual(['ranking', 'cost/seconds', 'cost/memory', 'conditions/0']);
    // The curves are of the methods of the planned contrasts, since all would be too many to tell apart.
    for (const [chart, count] of Object.entries(marks))
      expect(count, chart).toBeGreaterThan((chart === 'conditions/0' ? 4 : METHODS.length) - 1);
    expect(await overflowPx(opened)).toBe(0);
    expect(await smallestTextPx(opened)).toBeGreaterThanOrEqual(11);
    expect([complaints, requests]).toEqual([[], []]);
    await opened.close();
  });

  it('sorts its tables by a heading, both ways', async () => {
    const { page: opened } = await openPage(browser, page(), { width: 1280, height: 900 });
    const table = opened.locator('#results table').first();
    const shown = async () => (await table.locator('tbody td:nth-child(3)').allInnerTexts()).map(parseFloat);
    const heading = table.locator('thead button', { hasText: /^Accuracy$/u });
    await heading.press('Enter');
    const down = await shown();
    expect(down).toEqual(down.toSorted((a, b) => b - a));
    expect(down).toHaveLength(METHODS.length);
    await heading.press('Enter');
    expect(await shown()).toEqual(down.toReversed());
    await opened.close();
  });

  it("links each run's own report, which is there, and names the cells that are not done", async () => {
    const { page: opened } = await openPage(browser, page(), { width: 1280, height: 900 });
    const links = await opened.locator('#runs a').all();
    expect(links).toHaveLength(CONDITIONS);
    await links[0]!.click();
    expect(await opened.locator('h1').innerText()).toBe('made-up, as it is, concat');
    await opened.goBack();
    expect(await opened.locator('#runs').innerText()).toContain('the loss became NaN at step 7');
    expect(await opened.locator('#conditions').innerText()).toContain('few & <odd>');
    await opened.close();
  });

  it('begins with the planned contrasts, and says what five speakers cannot show', async () => {
    const { page: opened } = await openPage(browser, page(), { width: 1280, height: 900 });
    expect(await opened.locator('section[id]').first().getAttribute('id')).toBe('contrasts');
    const table = opened.locator('#contrasts table').first();
    expect(await table.locator('tbody th').allInnerTexts()).toEqual(PLANNED);
    expect(await opened.locator('#contrasts').innerText()).toContain(
      'With 5 groups the smallest p there can be is 0.063',
    );
    await opened.close();
  });

  it('of a single method has no comparison, and says so', async () => {
    const alone = openStore(`file:${join(folder, 'alone')}`);
    const { dataset } = await makeUpExperiment(alone, {
      methods: ['joint'],
      conditions: [{ name: 'plain' }],
    });
    const told = await writeExperiment({
      store: alone,
      experimentId: EXPERIMENT,
      datasets: [dataset],
      provenance,
    });
    expect([told.pairs, told.ranking]).toEqual([[], undefined]);
    const html = (await alone.get(storePaths.experimentReport(EXPERIMENT))).toString('utf8');
    expect(html).toContain('There are no two methods to compare.');
  });

  it('of folds has one row a dataset, and takes folds and seeds for blocks', async () => {
    const folded = openStore(`file:${join(folder, 'folded')}`);
    const { dataset } = await makeUpExperiment(folded, {
      ...{ methods: ['joint', 'mm', 'b-mm'], seeds: [0, 1, 2], folds: { kFold: 2 } },
      conditions: [{ name: 'plain' }],
    });
    const told = await writeExperiment({
      store: folded,
      experimentId: EXPERIMENT,
      datasets: [dataset, dataset],
      provenance,
    });
    expect(
      told.rows.map(({ method, folds, seeds, accuracy }) => [method, folds, seeds, accuracy.values.length]),
    ).toEqual([
      ['joint', ['1 of 2', '2 of 2'], [0, 1, 2], 6],
      ['mm', ['1 of 2', '2 of 2'], [0, 1, 2], 6],
      // The last method's seed 1 has failed, in both.
      ['b-mm', ['1 of 2', '2 of 2'], [0, 2], 4],
    ]);
    expect(told.datasets[0]).toMatchObject({ testClips: 240, groups: { count: SPEAKERS } });
    expect(told.notDone.map(({ fold, seed }) => [fold, seed])).toEqual([
      ['1 of 2', 1],
      ['2 of 2', 1],
    ]);
    const [all, ...parts] = told.contrasts;
    expect(parts).toEqual([]);
    expect(all!.contrasts.map(({ first, second, blocks }) => [first, second, blocks.count])).toEqual([
      ['b-mm', 'mm', 4],
      ['mm', 'joint', 6],
      ['b-mm', 'joint', 4],
    ]);
    const csv = (await folded.get(storePaths.experimentCsv(EXPERIMENT))).toString('utf8');
    expect(csv).toMatch(/^dataset,fold,condition,.*\r\nmade-up,1 of 2,plain,/u);
    const html = (await folded.get(storePaths.experimentReport(EXPERIMENT))).toString('utf8');
    expect(html).toContain('made-up, fold 2 of 2');
    expect(html.match(/<caption>\s*made-up, plain, concat/gu)).toHaveLength(1);
  });

  it('of a disturbed modality says how it is disturbed, and draws the curve over it', async () => {
    const noisy = openStore(`file:${join(folder, 'noisy')}`);
    const { dataset } = await makeUpExperiment(noisy, {
      methods: ['joint'],
      conditions: [
        { name: 'clean' },
        { name: 'noisy sound', extraction: { disturb: { audio: { snrDb: -6 } } } },
        { name: 'noisy picture', extraction: { disturb: { rgb: { deviation: 0.8 } } } },
      ],
    });
    const datasets = [dataset, dataset, dataset];
    const told = await writeExperiment({ store: noisy, experimentId: EXPERIMENT, datasets, provenance });
    const path = pathToFileURL(join(folder, 'noisy', storePaths.experimentReport(EXPERIMENT)));
    const { page: opened } = await openPage(browser, path, { width: 1280, height: 900 });
    const section = opened.locator('#conditions');
    expect(await section.innerText()).toContain('white noise 6 dB above in every clip’s sound');
    expect(await section.innerText()).toContain('Gaussian noise of deviation 0.8 in every picture');
    await section.locator('details.values summary').click();
    const shown = await section.locator('details.values tbody tr').first().innerText();
    const accuracies = told.rows.map(({ accuracy }) => `${(100 * accuracy.mean).toFixed(1)} %`);
    expect(shown.split(/\s*\t\s*/u)).toEqual(['joint', ...accuracies]);
    await opened.close();
  });

  it('of nothing but failures still says what there is', async () => {
    const failed = openStore(`file:${join(folder, 'failed')}`);
    await makeUpExperiment(failed);
    const told = await writeExperiment({
      store: failed,
      experimentId: EXPERIMENT,
      datasets: [null],
      provenance,
    });
    expect(told.cells).toEqual({
      done: 0,
      failed: 2 * METHODS.length * CONDITIONS,
      'not applicable': 0,
      missing: 0,
    });
    const html = (await failed.get(storePaths.experimentReport(EXPERIMENT))).toString('utf8');
    expect(html).toContain('Nothing is trained yet.');
  });
});
