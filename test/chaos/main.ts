/** The long version: `npm run chaos -- --kills=1000 --seed=18`. Prints what it does, and its figures as JSON at the end. */
import { parseArgs } from 'node:util';
import { runChaos, STORES } from './chaos.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { kills: text, seed: text, round: text, strikes: text, stores: text },
});
const number = (name: keyof typeof values, usual: number) => Number(values[name] ?? usual);
const seed = number('seed', Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${String(seed)}\n`);
try {
  const figures = await runChaos({
    seed,
    kills: number('kills', 1_000),
    strikesPerRound: number('strikes', 12),
    ...(values.round === undefined ? {} : { round: Number(values.round) }),
    stores: STORES.find((name) => name === values.stores) ?? 'both',
    say: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${JSON.stringify({ seed, ...figures }, null, 2)}\n`);
} catch (error) {
  for (let here: unknown = error; here instanceof Error; here = here.cause) {
    process.stderr.write(`${here.message}\n`);
  }
  process.exitCode = 1;
}
