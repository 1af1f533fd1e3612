/** The report of a large evaluation: its size, and how soon its page has drawn itself. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeReport } from '../../pipelines/evaluation/report/write-report.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { provenanceSchema } from '../../schemas/summary.ts';
import { launchBrowser, openPage } from '../harness/browser.ts';
import { makeUpRun } from '../harness/made-up-run.ts';
import type { Bench, BenchContext } from '../harness/bench.ts';
import type { Figure } from '../harness/figure.ts';
import { secondsOf } from '../harness/in-turns.ts';

const POINTS = 10_000;
const QUICK_POINTS = 1_000;
const METHODS = ['unimodal', 'joint', 'ogm-ge', 'mm', 'b-mm'] as const;
const CLASSES = 10;
const MOST_MB = 5;

export const bench: Bench = {
  title: 'Report',
  method:
    'A made-up run of five methods (audio, rgb; 100 epochs; 2,000 test clips) with 10,000 training and 10,000 test points in each of its 15 layouts, written by the product’s report writer; its page in a headless Chromium, from the start of loading until every chart is drawn.',
  measure,
};

async function measure({ quick, rounds, scratch }: BenchContext): Promise<Figure[]> {
  const points = quick ? QUICK_POINTS : POINTS;
  const store = openStore(`file:${join(scratch, 'store')}`);
  const run = await makeUpRun(store, {
    classNames: Array.from({ length: CLASSES }, (_, k) => `class ${String(k)}`),
    methods: METHODS,
    seeds: [0],
    epochs: 100,
    testClips: 2_000,
    layoutPoints: points,
  });
  const provenance = provenanceSchema.parse({
    ...{ codeVersion: 'bench', engine: 'none', machine: 'this one', command: 'npm run bench -- report' },
  });
  const megabytes: number[] = [];
  const writeS: number[] = [];
  const drawnS: number[] = [];
  const browser = await launchBrowser();
  try {
    for (let round = 0; round < rounds; round += 1) {
      let file = '';
      writeS.push(
        await secondsOf(async () => {
          const written = await writeReport({ store, runId: 'bench', title: 'bench', ...run, provenance });
          file = join(scratch, 'store', written.reportPath);
        }),
      );
      megabytes.push((await readFile(file)).length / 1e6);
      drawnS.push(
        await secondsOf(async () => {
          const { page, complaints } = await openPage(browser, pathToFileURL(file), {
            width: 1280,
            height: 900,
          });
          await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))');
          await page.close();
          if (complaints.length > 0) throw new Error(complaints.join('\n'));
        }),
      );
    }
  } finally {
    await browser.close();
  }
  const of = `${points.toLocaleString('en-US')} points a layout`;
  return [
    { name: `Report, ${of}`, unit: 'MB', better: 'lower', ours: megabytes, goal: { limit: MOST_MB } },
    { name: 'Writing it', unit: 's', better: 'lower', ours: writeS },
    { name: 'Its page, until it is drawn', unit: 's', better: 'lower', ours: drawnS },
  ];
}
