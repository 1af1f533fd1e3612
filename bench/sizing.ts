/** Prints the table of docs/scaling.md: `tsx bench/sizing.ts [clips workers coresPerWorker engine]`. */
import { readFileSync } from 'node:fs';
import { estimate, type Estimate, type Target } from './sizing/estimate.ts';
import { ratesSchema } from './sizing/rates.ts';

const RATES = ratesSchema.parse(
  JSON.parse(readFileSync(new URL('sizing/rates.json', import.meta.url), 'utf8')),
);

/** The columns of the table in the docs. */
export const DOCUMENTED: readonly Target[] = [
  { clips: 1e6, workers: 4, coresPerWorker: 16, engine: 'node-av' },
  { clips: 1e8, workers: 128, coresPerWorker: 16, engine: 'node-av' },
];

const number = (value: number, digits = 0) =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });

const ROWS: readonly (readonly [string, (found: Estimate, target: Target) => string])[] = [
  [
    'media workers × cores',
    (_, { workers, coresPerWorker }) => `${number(workers)} × ${number(coresPerWorker)}`,
  ],
  ['shards (clips in each)', ({ shards, clipsPerShard }) => `${number(shards)} (${number(clipsPerShard)})`],
  ['source, TB', ({ sourceTB }) => number(sourceTB, 2)],
  ['features, TB', ({ featureTB }) => number(featureTB, 2)],
  ["the rebuild's executions", ({ executions }) => number(executions)],
  ['events in their histories', ({ historyEvents }) => number(historyEvents)],
  ['bytes of their histories, MB', ({ historyMB }) => number(historyMB, 1)],
  ['write requests to the store', ({ writeRequests }) => number(writeRequests)],
  ['read requests to the store', ({ readRequests }) => number(readRequests)],
  ['planning, hours', ({ planHours }) => number(planHours, 1)],
  ['extraction, hours', ({ buildHours }) => number(buildHours, 1)],
  ['of what one workflow can do', ({ workflowLoad }) => `${number(100 * workflowLoad, 1)} %`],
];

/** A Markdown table, a column a target. */
export function sizingTable(targets: readonly Target[] = DOCUMENTED): string {
  const columns = targets.map((target) => ({ target, found: estimate(RATES, target) }));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...targets.map(({ clips }) => `${number(clips)} clips`)]),
    line(['---', ...targets.map(() => '---:')]),
    ...ROWS.map(([name, cell]) => line([name, ...columns.map(({ found, target }) => cell(found, target))])),
  ].join('\n');
}

if (process.argv[1]?.endsWith('sizing.ts') === true) {
  const [clips, workers, coresPerWorker, engine = 'node-av'] = process.argv.slice(2);
  const targets =
    clips === undefined
      ? DOCUMENTED
      : [
          {
            clips: Number(clips),
            workers: Number(workers ?? 1),
            coresPerWorker: Number(coresPerWorker ?? 16),
            engine,
          },
        ];
  process.stdout.write(`${sizingTable(targets)}\n`);
}
