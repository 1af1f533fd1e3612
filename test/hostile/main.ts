/**
 * The long versions: `npm run hostile -- --inputs=1000000 --seed=18`, and of media `-- --media=2000 --seed=18` (a quarter of
 * them by the ffmpeg program), of our C++ `-- --native=1000000 --seed=18` (with g++ and its sanitizers). They print faults as they come, and their figures as JSON at the end.
 */
import { parseArgs } from 'node:util';
import { tryHostileMedia } from './media.ts';
import { tryHostileCalls } from './native.ts';
import { tryHostileInputs } from './rounds.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { inputs: text, seed: text, only: text, block: text, seeds: text, media: text, native: text },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${String(seed)}\n`);
const say = (line: string) => process.stdout.write(`${line}\n`);

async function parsers(): Promise<number> {
  const { faults, ...figures } = await tryHostileInputs({
    ...{ seed, say, inputs: Number(values.inputs ?? 100_000) },
    ...(values.only === undefined ? {} : { only: values.only }),
    ...(values.block === undefined ? {} : { block: Number(values.block) }),
    ...(values.seeds === undefined ? {} : { seeds: values.seeds }),
  });
  say(JSON.stringify({ seed, ...figures }, null, 2));
  return faults.length;
}

async function media(inputs: number): Promise<number> {
  const counts = { 'node-av': inputs, ffmpeg: Math.ceil(inputs / 4) };
  const figures = await tryHostileMedia({ seed, say, inputs: counts });
  say(JSON.stringify({ seed, ...figures }, null, 2));
  return figures.faults.length + figures.asked;
}

async function native(calls: number): Promise<number> {
  say(JSON.stringify({ seed, ...(await tryHostileCalls(seed, calls)) }, null, 2));
  return 0;
}

const chosen = async () => {
  if (values.native !== undefined) return await native(Number(values.native));
  return values.media === undefined ? await parsers() : await media(Number(values.media));
};
const faults = await chosen();
process.exitCode = faults > 0 ? 1 : 0;
