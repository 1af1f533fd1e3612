/**
 * Tries inputs in a process of its own, which may hang, crash or take all memory: the parent then knows which input it
 * was, since its number is written to a file before it is tried.
 */
import { writeSync, openSync } from 'node:fs';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { findTargets } from './targets/index.ts';
import { tryInput, type Target } from './target.ts';

/** Some inputs of one target; the same block has the same inputs, always. */
export interface Block {
  readonly target: string;
  readonly seed: number;
  readonly block: number;
  readonly inputs: number;
  /** Those before are passed over. */
  readonly from: number;
}

export interface Tally {
  taken: number;
  refused: number;
  faults: Fault[];
}

export interface Fault {
  readonly target: string;
  readonly problem: string;
  readonly seed: number;
  readonly block: number;
  readonly input: number;
  /** The smallest that does the same, where one was found. */
  readonly smallest?: string;
}

const SHOWN_CHARACTERS = 1_200;
/** Of one block: the rest are most likely the same. */
const MOST_FAULTS = 3;
const SHRINK_MS = 20_000;

export function seedOf({ target, seed, block }: Pick<Block, 'target' | 'seed' | 'block'>): number {
  return createHash('sha256')
    .update(`${String(seed)}/${target}/${String(block)}`)
    .digest()
    .readInt32LE();
}

export function inputsOf(target: Target, block: Block): unknown[] {
  return fc.sample(target.inputs, { seed: seedOf(block), numRuns: block.inputs });
}

async function tryBlock(targets: readonly Target[], block: Block, counter: number): Promise<Tally> {
  const target = targets.find(({ name }) => name === block.target);
  if (target === undefined) throw new Error(`there is no target ${block.target}`);
  const tally: Tally = { taken: 0, refused: 0, faults: [] };
  for (const [n, input] of inputsOf(target, block).entries()) {
    if (n < block.from) continue;
    writeSync(counter, String(n).padStart(8), 0);
    const verdict = await tryInput(target, input);
    if (verdict.as !== 'fault') tally[verdict.as] += 1;
    else {
      const smallest = tally.faults.length === 0 ? await shrink(target, input) : undefined;
      const { problem } = verdict;
      const { seed, block: number } = block;
      tally.faults.push({
        ...{ target: target.name, problem, seed, block: number, input: n },
        smallest: shown(target, smallest ?? input),
      });
      if (tally.faults.length === MOST_FAULTS) break;
    }
  }
  return tally;
}

/** The input as fast-check makes it smaller: found again by its seed, then shrunk for a while. */
async function shrink(target: Target, input: unknown): Promise<unknown> {
  const property = fc.asyncProperty(
    target.inputs,
    async (one) => (await tryInput(target, one)).as !== 'fault',
  );
  const result = await fc.check(property, {
    ...{ seed: lastSeed, numRuns: lastInputs, interruptAfterTimeLimit: SHRINK_MS },
  });
  return result.counterexample?.[0] ?? input;
}
let lastSeed = 0;
let lastInputs = 0;

function shown(target: Target, input: unknown): string {
  if (target.show !== undefined) return target.show(input).slice(0, SHOWN_CHARACTERS);
  const text =
    input instanceof Uint8Array
      ? `${String(input.length)} bytes: ${JSON.stringify(Buffer.from(input).toString('latin1'))}`
      : JSON.stringify(input);
  return text.length > SHOWN_CHARACTERS
    ? `${text.slice(0, SHOWN_CHARACTERS)}… (${String(text.length)})`
    : text;
}

const [, , , seeds = '', counterFile = ''] = process.argv;
if (process.send !== undefined && counterFile !== '') {
  const targets = await findTargets(seeds);
  const counter = openSync(counterFile, 'r+');
  process.on('message', (block: Block) => {
    lastSeed = seedOf(block);
    lastInputs = block.inputs;
    void tryBlock(targets, block, counter).then((tally) => process.send?.(tally));
  });
  process.on('disconnect', () => process.exit(0));
  process.send(targets.map(({ name, kind, share = 1 }) => ({ name, kind, share })));
}
