/** What a hostile input is tried on, and when its answer is right. */
import type fc from 'fast-check';
import { ModalmixError, describeError } from '../../schemas/errors.ts';

/** A parser of ours that data from outside meets. */
export interface Target<Input = unknown> {
  readonly name: string;
  /** Of the figures: several parsers may read one kind of input. */
  readonly kind: string;
  readonly inputs: fc.Arbitrary<Input>;
  /** As the caller in the project reads it; what it throws is what a person or a topic gets. */
  parse(input: Input): unknown;
  /** @returns what is wrong with what was taken: a changed content, a file outside; absent: whatever fits the schema is right */
  judge?(value: unknown, input: Input): string | undefined;
  /** @returns whether the error is the caller's to handle, besides a `ModalmixError`; with no answer it is a fault */
  refuses?(error: Error): boolean;
  /** Runs so much slower than others that a round has fewer of it; default: 1. */
  readonly share?: number;
  /** Told to a person when an input is kept. */
  show?(input: Input): string;
}

export type Verdict =
  { readonly as: 'taken' | 'refused' } | { readonly as: 'fault'; readonly problem: string };

/** Of processor time: one that takes longer is a hang to whoever sends a thousand of them. */
export const MOST_CPU_MS = 2_000;
export const MOST_MEMORY_MIB = 512;
/** Of a message as it is shown, each control character of it as six. */
const MOST_CHARACTERS = 80_000;

export async function tryInput<Input>(target: Target<Input>, input: Input): Promise<Verdict> {
  const cpu = process.cpuUsage();
  const memory = process.resourceUsage().maxRSS;
  const verdict = await outcomeOf(target, input);
  if (verdict.as === 'fault') return verdict;
  const used = process.cpuUsage(cpu);
  const ms = (used.user + used.system) / 1_000;
  if (ms > MOST_CPU_MS) return fault(`it took ${ms.toFixed(0)} ms of processor time`);
  const grown = (process.resourceUsage().maxRSS - memory) / 1_024;
  if (grown > MOST_MEMORY_MIB) return fault(`it took ${grown.toFixed(0)} MiB of memory`);
  return verdict;
}

async function outcomeOf<Input>(target: Target<Input>, input: Input): Promise<Verdict> {
  let value: unknown;
  try {
    value = await target.parse(input);
  } catch (error) {
    return refusal(target, error);
  }
  const problem = target.judge?.(value, input);
  return problem === undefined ? { as: 'taken' } : fault(problem);
}

function refusal<Input>(target: Target<Input>, error: unknown): Verdict {
  if (!(error instanceof Error)) return fault(`it throws ${String(error)}`);
  const isOurs = error instanceof ModalmixError && (error.kind === 'config' || error.kind === 'input');
  if (!isOurs && target.refuses?.(error) !== true)
    return fault(`it throws ${String(error.stack).slice(0, 1_500)}`);
  const { length } = describeError(error);
  if (length > MOST_CHARACTERS) return fault(`its message has ${String(length)} characters`);
  return { as: 'refused' };
}

function fault(problem: string): Verdict {
  return { as: 'fault', problem };
}
