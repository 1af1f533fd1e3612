/**
 * Our own code beside the libraries that could replace it; the decisions are in `docs/architecture.md`.
 *
 *     npx tsx bench/own-code/main.ts [memory] [kafka] [start] [rebuild] [reads] [--rounds 3] [--quick] [--json]
 *
 * Peers are fetched when they are first needed. Processor time is user's and system's, of all threads; it is told beside the clock because other
 * work on the machine disturbs it less.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stopServers } from '../harness/with-home.ts';
import { comparedTable, type Compared, type OwnCodeOptions } from './compared.ts';

type Measure = (options: OwnCodeOptions) => Promise<readonly Compared[]>;

const PARTS: Readonly<Record<string, () => Promise<Measure>>> = {
  memory: async () => (await import('./memory.ts')).measureMemory,
  kafka: async () => (await import('./kafka.ts')).measureKafka,
  start: async () => (await import('./start.ts')).measureStart,
  rebuild: async () => (await import('./direct.ts')).measureRebuild,
  reads: async () => (await import('./direct.ts')).measureReads,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const { quick, json } = values;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void stopServers().finally(() => process.exit(1));
  });
}
const rounds = quick ? 1 : Number(values.rounds);
const all: Compared[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const load = PARTS[name];
  if (load === undefined) throw new Error(`there is no "${name}": ${Object.keys(PARTS).join(', ')}`);
  const scratch = await mkdtemp(join(tmpdir(), `modalmix-own-code-${name}-`));
  const say = (line: string) => {
    process.stderr.write(`${name}: ${line} (load ${loadavg()[0]!.toFixed(1)})\n`);
  };
  try {
    const compared = await (await load())({ rounds, quick, scratch, say });
    all.push(...compared);
    if (!json) console.log(compared.map((one) => `${comparedTable(one)}\n`).join('\n'));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
if (json) console.log(JSON.stringify(all, undefined, 2));
// Extractors have children that wait for more.
process.exit();
