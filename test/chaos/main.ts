/**
 * The long version: `npm run chaos -- --kills=1000 --seed=18` (`--lanes=2`: rounds side by side), or `npm run chaos -- --answers=1000 --kills=40` of a stream
 * that is answered. Prints what it does, and its figures as JSON at the end.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runAnswers } from './answers.ts';
import { runChaos, STORES } from './chaos.ts';
import { runLanes } from './lanes.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{ kills: text, seed: text, round: text, strikes: text, stores: text, answers: text, rate: text },
    ...{ lanes: text, lane: text },
  },
});
const number = (name: keyof typeof values, usual: number) => Number(values[name] ?? usual);
const seed = number('seed', Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${String(seed)}\n`);
try {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  if (values.answers !== undefined) {
    const clips = number('answers', 1_000);
    const answered = await runAnswers({
      seed,
      clips,
      kills: number('kills', 40),
      rate: number('rate', 4),
      say,
    });
    say(JSON.stringify({ seed, ...answered }, null, 2));
    process.exit();
  }
  if (values.lanes !== undefined) {
    const figures = await runLanes({
      count: Number(values.lanes),
      kills: number('kills', 1_000),
      program: fileURLToPath(import.meta.url),
      words: [
        `--seed=${String(seed)}`,
        `--strikes=${String(number('strikes', 12))}`,
        `--stores=${values.stores ?? 'both'}`,
      ],
      say,
    });
    say(JSON.stringify({ seed, ...figures }, null, 2));
    process.exit();
  }
  const [index, of] = (values.lane ?? '').split('/').map(Number);
  const figures = await runChaos({
    seed,
    kills: number('kills', 1_000),
    strikesPerRound: number('strikes', 12),
    ...(values.round === undefined ? {} : { round: Number(values.round) }),
    ...(index === undefined || of === undefined ? {} : { lane: { index, of } }),
    stores: STORES.find((name) => name === values.stores) ?? 'both',
    say,
  });
  process.stdout.write(`${JSON.stringify({ seed, ...figures }, null, 2)}\n`);
} catch (error) {
  for (let here: unknown = error; here instanceof Error; here = here.cause) {
    process.stderr.write(`${here.message}\n`);
  }
  // What was struck may hold connections open for ever.
  process.exit(1);
}
