/** `npm run bench`: runs the benches that are named, prints their tables, and keeps results, table and plot. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../schemas/errors.ts';
import { BENCHES, BENCH_NAMES, type BenchName } from './benches.ts';
import { describeMachine, machineName, type Machine } from './harness/machine.ts';
import { plotResults } from './harness/plot.ts';
import { RESULTS_FOLDER, readResults, writeResult, type BenchResult } from './harness/results.ts';
import { stopServers } from './harness/with-home.ts';
import { figuresTable, machineSection, withSections } from './harness/table.ts';

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const ROUNDS = 5;
const QUICK_ROUNDS = 1;
const README = fileURLToPath(new URL('README.md', import.meta.url));

interface Options {
  readonly names: readonly BenchName[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly allPeers: boolean;
  readonly json: boolean;
  readonly list: boolean;
  readonly render: boolean;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.list) {
    for (const name of BENCH_NAMES) print(`${name.padEnd(14)} ${(await BENCHES[name]()).bench.title}`);
    return EXIT_CODES.ok;
  }
  if (options.render) {
    await writePages();
    return EXIT_CODES.ok;
  }
  const machine = await describeMachine();
  const results: BenchResult[] = [];
  let failed = 0;
  for (const name of options.names) {
    try {
      const result = await runBench(name, options, machine);
      results.push(result);
      if (!options.json) print(`\n${result.title}\n\n${figuresTable(result.figures)}`);
      if (!options.quick) await writeResult(machineName(machine), result);
    } catch (error) {
      failed += 1;
      say(`bench "${name}" failed: ${error instanceof ModalmixError ? describeError(error) : String(error)}`);
    }
  }
  if (options.json) print(JSON.stringify(results, undefined, 2));
  if (!options.quick && results.length > 0) await writePages();
  return failed === 0 ? EXIT_CODES.ok : EXIT_CODES.failed;
}

async function runBench(name: BenchName, options: Options, machine: Machine): Promise<BenchResult> {
  const { bench } = await BENCHES[name]();
  const { quick, rounds, allPeers } = options;
  say(`${name}: ${bench.title}`);
  const scratch = await mkdtemp(join(tmpdir(), `modalmix-bench-${name}-`));
  const end = () => {
    say('stopped: its servers are ended');
    void stopServers()
      .then(async () => await rm(scratch, { recursive: true, force: true }))
      .finally(() => process.exit(EXIT_CODES.interrupted));
  };
  for (const signal of END_SIGNALS) process.once(signal, end);
  try {
    const inner = (line: string) => {
      say(`  ${line}`);
    };
    const figures = await bench.measure({ quick, rounds, allPeers, scratch, say: inner });
    const date = new Date().toISOString().slice(0, 10);
    const { title, method } = bench;
    return { bench: name, title, method, date, rounds, machine, figures: [...figures] };
  } finally {
    for (const signal of END_SIGNALS) process.off(signal, end);
    await rm(scratch, { recursive: true, force: true });
  }
}

/** `bench/README.md` and the plots, from all results that there are. */
async function writePages(): Promise<void> {
  const machines = await readResults(BENCH_NAMES);
  for (const machine of machines) {
    await writeFile(join(RESULTS_FOLDER, `${machine.name}.svg`), plotResults(machine));
  }
  const readme = await readFile(README, 'utf8');
  await writeFile(README, withSections(readme, machines.map(machineSection)));
  say('written: bench/README.md, bench/results/');
}

function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'all-peers': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      render: { type: 'boolean', default: false },
      rounds: { type: 'string' },
    },
  });
  const unknown = positionals.filter((name) => !isBenchName(name));
  if (unknown.length > 0) {
    throw new ModalmixError('config', `there is no bench "${unknown.join('", "')}"`, {
      fix: `There are ${BENCH_NAMES.join(', ')}.`,
    });
  }
  const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new ModalmixError('config', 'it has to be a whole number above 0', { where: '--rounds' });
  }
  const named = positionals.filter(isBenchName);
  const allPeers = values['all-peers'];
  return { ...values, allPeers, rounds, names: named.length > 0 ? named : BENCH_NAMES };
}

function isBenchName(name: string): name is BenchName {
  return (BENCH_NAMES as readonly string[]).includes(name);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Not on stdout, which may be read by a program. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? describeError(error) : String(error)}\n`);
  process.exitCode = error instanceof ModalmixError ? exitCodeOf(error.kind) : EXIT_CODES.failed;
}
