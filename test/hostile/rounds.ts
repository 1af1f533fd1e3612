/** Rounds of hostile inputs: blocks are given to a child; one that does not answer, or dies, cost one input. */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchMemory } from '../../pipelines/extraction/memory-watch.ts';
import type { Block, Fault, Tally } from './child.ts';
import { newScratch } from './targets/files.ts';

export interface HostileOptions {
  readonly seed: number;
  /** In all. */
  readonly inputs: number;
  /** Only targets whose name or kind contains this. */
  readonly only?: string;
  /** One block alone: to play a fault again. */
  readonly block?: number;
  /** Real files to mutate, of an earlier `makeSeeds`; absent: they are made. */
  readonly seeds?: string;
  readonly say: (line: string) => void;
}

export interface KindFigures {
  targets: number;
  inputs: number;
  taken: number;
  refused: number;
  faults: number;
}

export interface HostileFigures {
  readonly inputs: number;
  readonly seconds: number;
  readonly kinds: Readonly<Record<string, KindFigures>>;
  readonly faults: readonly Fault[];
}

const BLOCK_INPUTS = 250;
/** Nothing at all happened: wall time, on a machine that others use too. */
const HANGS_AFTER_MS = 60_000;
const START_MS = 180_000;
const MOST_MIB = 3_072;

interface Named {
  readonly name: string;
  readonly kind: string;
  readonly share: number;
}

export async function tryHostileInputs(options: HostileOptions): Promise<HostileFigures> {
  const { seed, only, say } = options;
  const work = mkdtempSync(join(tmpdir(), 'modalmix-hostile-'));
  const began = performance.now();
  try {
    const seeds = options.seeds ?? join(work, 'seeds');
    // Loads TensorFlow, which a round with files that are there already does not need.
    if (options.seeds === undefined) await (await import('./seeds.ts')).makeSeeds(seeds);
    const runner = new Runner(seeds, join(work, 'counter'));
    try {
      const named = await runner.targets();
      const targets = named.filter(
        ({ name, kind }) => only === undefined || `${kind}/${name}`.includes(only),
      );
      const kinds: Record<string, KindFigures> = {};
      const faults: Fault[] = [];
      const shares = targets.reduce((sum, { share }) => sum + share, 0);
      for (const { name, kind, share } of targets) {
        const figures = (kinds[kind] ??= { targets: 0, inputs: 0, taken: 0, refused: 0, faults: 0 });
        const before = { ...figures };
        figures.targets += 1;
        const start = performance.now();
        const wanted = Math.ceil((options.inputs * share) / shares);
        const first = options.block ?? 0;
        for (let block = first; (block - first) * BLOCK_INPUTS < wanted; block += 1) {
          const inputs =
            options.block === undefined
              ? Math.min(BLOCK_INPUTS, wanted - block * BLOCK_INPUTS)
              : BLOCK_INPUTS;
          const tally = await runner.tryAll({ target: name, seed, block, inputs, from: 0 });
          figures.taken += tally.taken;
          figures.refused += tally.refused;
          figures.faults += tally.faults.length;
          figures.inputs += tally.taken + tally.refused + tally.faults.length;
          faults.push(...tally.faults);
          for (const fault of tally.faults) say(describeFault(fault));
          if (options.block !== undefined || tally.faults.length > 2) break;
        }
        const seconds = (performance.now() - start) / 1_000;
        const [n, taken] = [figures.inputs - before.inputs, figures.taken - before.taken];
        say(`${kind}/${name}: ${String(n)} inputs, ${String(taken)} taken, ${seconds.toFixed(1)} s`);
      }
      const inputs = Object.values(kinds).reduce((sum, one) => sum + one.inputs, 0);
      return { inputs, seconds: Math.round((performance.now() - began) / 1_000), kinds, faults };
    } finally {
      runner.end();
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function describeFault({ target, problem, seed, block, input, smallest }: Fault): string {
  return (
    `FAULT ${target}, input ${String(input)}: ${problem}\n` +
    `  smallest: ${smallest ?? 'not sought'}\n` +
    `  again: npm run hostile -- --seed=${String(seed)} --only=${target} --block=${String(block)}`
  );
}

class Runner {
  readonly #seeds: string;
  readonly #counter: string;
  readonly #scratch = newScratch();
  #child: ChildProcess | undefined;
  #targets: readonly Named[] = [];
  #endWatch: () => void = () => undefined;
  #died = '';

  constructor(seeds: string, counter: string) {
    this.#seeds = seeds;
    this.#counter = counter;
    writeFileSync(counter, '0'.padStart(8));
  }

  async targets(): Promise<readonly Named[]> {
    await this.#started();
    return this.#targets;
  }

  /** Goes on behind an input that ended the child, or that it hangs on. */
  async tryAll(block: Block): Promise<Tally> {
    const all: Tally = { taken: 0, refused: 0, faults: [] };
    for (let from = 0; from < block.inputs;) {
      const child = await this.#started();
      const answer = await this.#ask(child, { ...block, from });
      if (typeof answer !== 'string') {
        all.taken += answer.taken;
        all.refused += answer.refused;
        all.faults.push(...answer.faults);
        return all;
      }
      const input = Number(readFileSync(this.#counter, 'utf8'));
      all.refused += input - from;
      all.faults.push({ target: block.target, problem: answer, seed: block.seed, block: block.block, input });
      if (all.faults.length > 2) return all;
      from = input + 1;
    }
    return all;
  }

  /** @returns why there is no answer, as text */
  async #ask(child: ChildProcess, block: Block): Promise<Tally | string> {
    this.#died = 'it ended the process';
    let [last, since] = ['', performance.now()];
    const timer = setInterval(() => {
      const now = readFileSync(this.#counter, 'utf8');
      if (now !== last) [last, since] = [now, performance.now()];
      else if (performance.now() - since > HANGS_AFTER_MS) {
        this.#died = `it is not done after ${String(HANGS_AFTER_MS / 1_000)} s`;
        child.kill('SIGKILL');
      }
    }, 500);
    try {
      return await new Promise<Tally | string>((resolve) => {
        child.once('message', (tally: Tally) => {
          resolve(tally);
        });
        child.once('exit', (code, signal) => {
          this.#child = undefined;
          resolve(`${this.#died} (${signal ?? `exit code ${String(code)}`})`);
        });
        child.send(block);
      });
    } finally {
      clearInterval(timer);
      child.removeAllListeners('message');
      child.removeAllListeners('exit');
    }
  }

  async #started(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child;
    this.#endWatch();
    const entry = fileURLToPath(new URL('child.ts', import.meta.url));
    const child = fork(entry, ['hostile', this.#seeds, this.#counter, this.#scratch], {
      execArgv: ['--import', import.meta.resolve('tsx'), '--max-old-space-size=1536'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#endWatch = watchMemory(child.pid, MOST_MIB, () => {
      this.#died = `it took more than ${String(MOST_MIB)} MiB`;
      child.kill('SIGKILL');
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS);
    this.#targets = await new Promise<Named[]>((resolve, reject) => {
      child.once('message', (named: Named[]) => {
        resolve(named);
      });
      child.once('exit', () => {
        reject(new Error('the child that tries hostile inputs did not start'));
      });
    });
    clearTimeout(timer);
    child.removeAllListeners('exit');
    this.#child = child;
    return child;
  }

  end(): void {
    this.#endWatch();
    this.#child?.kill('SIGKILL');
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}
