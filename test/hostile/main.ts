/** The long version: `npm run hostile -- --inputs=1000000 --seed=18`. Prints faults as they come, and its figures as JSON at the end. */
import { parseArgs } from 'node:util';
import { tryHostileInputs } from './rounds.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { inputs: text, seed: text, only: text, block: text, seeds: text } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${String(seed)}\n`);
const figures = await tryHostileInputs({
  seed,
  inputs: Number(values.inputs ?? 100_000),
  ...(values.only === undefined ? {} : { only: values.only }),
  ...(values.block === undefined ? {} : { block: Number(values.block) }),
  ...(values.seeds === undefined ? {} : { seeds: values.seeds }),
  say: (line) => process.stdout.write(`${line}\n`),
});
const { faults, ...rest } = figures;
process.stdout.write(`${JSON.stringify({ seed, ...rest }, null, 2)}\n`);
if (faults.length > 0) process.exitCode = 1;
