/**
 * On the machine with the GPU: what `pack.ts` packed, in under ten minutes and without a network.
 *
 *     ./run.sh [--batch 64] [--width 64] [--px 224] [--steps 10] [--out .] [--patience 1]
 *
 * Each stage is a process of its own with a time limit (times `--patience`): one that fails, or takes too long, leaves the others their time. Writes figures.json
 * and figures.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Answers } from './work.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
/** In turn; the sum is below ten minutes. */
const STAGES = {
  'same numbers as the processor': { limitS: 120 },
  "a filter's gradient": { limitS: 90 },
  'a training step': { limitS: 150 },
  'a step by shader': { limitS: 90 },
} as const;
type Stage = keyof typeof STAGES;
const TORCH_LIMIT_S = 100;
const WARM_UP = 3;
const TOLERANCE = 1e-4;
const MOST_SHADERS = 15;

const { values } = parseArgs({
  options: {
    ...{ batch: { type: 'string', default: '64' }, width: { type: 'string', default: '64' } },
    ...{ px: { type: 'string', default: '224' }, steps: { type: 'string', default: '10' } },
    ...{
      out: { type: 'string', default: '.' },
      patience: { type: 'string', default: '1' },
      stage: { type: 'string' },
    },
  },
});
const size = { batch: Number(values.batch), width: Number(values.width), px: Number(values.px) };
const steps = Number(values.steps);

if (values.stage === 'answers') await printAnswers();
else if (values.stage !== undefined) await stage(values.stage as Stage);
else all();

/** By the engine that the environment names; `pack.ts` asks the processor's. */
async function printAnswers(): Promise<void> {
  const { answers } = await import('./work.ts');
  process.stdout.write(JSON.stringify(answers()));
}

interface Outcome {
  readonly stage: string;
  readonly seconds: number;
  readonly problem?: string;
  readonly figures?: unknown;
  /** As Markdown. */
  readonly text?: string;
}

function all(): void {
  const outcomes: Outcome[] = [];
  for (const [name, { limitS }] of Object.entries(STAGES)) {
    const limit = limitS * Number(values.patience);
    const words = ['--stage', name, ...process.argv.slice(2)];
    outcomes.push(attempt(name, limit, process.execPath, [fileURLToPath(import.meta.url), ...words]));
  }
  outcomes.push(torch());
  const text = outcomes.map(({ stage: name, seconds, problem, text: told }) =>
    [
      `## ${name} (${seconds.toFixed(0)} s)\n`,
      problem === undefined ? (told ?? '') : `Failed: ${problem}`,
    ].join('\n'),
  );
  mkdirSync(values.out, { recursive: true });
  const host = { node: process.version, ...size, steps };
  writeFileSync(join(values.out, 'figures.json'), JSON.stringify({ host, outcomes }, undefined, 2));
  writeFileSync(join(values.out, 'figures.md'), `${text.join('\n\n')}\n`);
  console.log(text.join('\n\n'));
}

/** A program that prints `{ figures, text }` as its last line. */
function attempt(name: string, limitS: number, program: string, args: readonly string[]): Outcome {
  const startedMs = performance.now();
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 1_000 * limitS,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  const outcome = { stage: name, seconds };
  // Null where the program is not there.
  const output = (stdout as string | null) ?? '';
  const why = ((stderr as string | null) ?? '').trim().split('\n').slice(-8).join('\n');
  if (signal !== null) return { ...outcome, problem: `ended after ${String(limitS)} s\n${why}` };
  if (status !== 0) return { ...outcome, problem: why };
  return { ...outcome, ...(JSON.parse(output.trim().split('\n').at(-1)!) as Omit<Outcome, 'stage'>) };
}

function torch(): Outcome {
  const name = 'PyTorch on the same GPU';
  const probe = 'import torch; print(torch.__version__, torch.cuda.is_available())';
  const found = spawnSync('python3', ['-c', probe], { encoding: 'utf8' });
  const told = ((found.stdout as string | null) ?? '').trim();
  if (found.status !== 0 || !told.endsWith('True')) {
    const text = told === '' ? 'There is no PyTorch here.' : `PyTorch finds no GPU by CUDA: ${told}.`;
    return { stage: name, seconds: 0, text };
  }
  const words = ['joint', String(size.batch), String(WARM_UP), String(steps), '4', 'cuda'];
  const startedMs = performance.now();
  const run = spawnSync('python3', [join(HERE, 'training_step.py'), ...words], {
    encoding: 'utf8',
    timeout: 1_000 * TORCH_LIMIT_S,
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  if (run.status !== 0)
    return { stage: name, seconds, problem: run.stderr.trim().split('\n').slice(-8).join('\n') };
  const figures = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as { torch: string; ms: number[] };
  const text = `PyTorch ${figures.torch}, batch ${String(size.batch)}, float32 (its convolutions by TF32 where the GPU has it): ${median(figures.ms).toFixed(1)} ms a step, the median of ${String(steps)}.`;
  return { stage: name, seconds, figures, text };
}

async function stage(name: Stage): Promise<void> {
  const { tf, webgpu } = await import('../../pipelines/engine/tensorflow.ts');
  // Dawn still looks after its beginning: see `map-now.ts`.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const device = webgpu?.name ?? 'the processor';
  const work = await import('./work.ts');
  if (name === 'same numbers as the processor') {
    const expected = JSON.parse(readFileSync(join(HERE, 'answers.json'), 'utf8')) as Answers;
    const actual = work.answers();
    const pairs = [...expected.gradients, expected.losses].map(
      (values, index) => [values, [...actual.gradients, actual.losses][index]!] as const,
    );
    const apart = pairs.map(([one, other]) => distance(one, other));
    const figures = { device, apart };
    const worst = Math.max(...apart);
    const text = `On ${device}: gradients of convolutions and the losses of four steps of a small training differ from TensorFlow's on the processor by at most ${worst.toExponential(1)} of the largest number.`;
    if (!(worst < TOLERANCE)) throw new Error(text);
    finish({ figures, text });
  } else if (name === "a filter's gradient") {
    const { registerFilterGradient } = await import('../../pipelines/engine/webgpu/filter-gradient.ts');
    const backends = tf.getKernel('Conv2DBackpropFilter', 'webgpu-original');
    const lines: string[] = [];
    const figures = work.layersOf(size).map(({ x, filter, stride, pad }) => {
      const input = work.numbers(x, 1);
      const weights = tf.zeros(filter as never);
      const run = tf.grad((given) => {
        const y = tf.conv2d(input, given as never, stride, pad);
        return tf.sum(tf.mul(y, y));
      });
      const time = () => {
        const once = () => {
          const startedMs = performance.now();
          tf.tidy(() => tf.sum(run(weights)).dataSync());
          return performance.now() - startedMs;
        };
        once();
        return median([once(), once(), once()]);
      };
      registerFilterGradient(tf);
      const ours = time();
      tf.unregisterKernel('Conv2DBackpropFilter', 'webgpu');
      tf.registerKernel({ ...backends, backendName: 'webgpu' });
      const loop = time();
      input.dispose();
      lines.push(`| ${x.join(' × ')} | ${filter.join(' × ')} | ${ours.toFixed(2)} | ${loop.toFixed(2)} |`);
      return { x, filter, stride, oursMs: ours, loopMs: loop };
    });
    const head = '| input | filter | ours, ms | the backend’s loop, ms |\n| --- | --- | ---: | ---: |';
    finish({
      figures,
      text: `Forward and the filter's gradient, on ${device}:\n\n${head}\n${lines.join('\n')}`,
    });
  } else if (name === 'a training step') {
    const step = work.createStep(size);
    const ms: number[] = [];
    for (let n = 0; n < WARM_UP + steps; n += 1) {
      const startedMs = performance.now();
      step();
      if (n >= WARM_UP) ms.push(performance.now() - startedMs);
    }
    const text = `Two ResNet-18s of width ${String(size.width)}, batch ${String(size.batch)}, float32, on ${device}: ${median(ms).toFixed(1)} ms a step, the median of ${String(steps)}.`;
    finish({ figures: { device, ms }, text });
  } else {
    const step = work.createStep(size);
    for (let n = 0; n < WARM_UP; n += 1) step();
    const { profile } = await import('./profile.ts');
    const rows = profile(step);
    const sum = rows.reduce((total, { ms }) => total + ms, 0);
    const lines = rows
      .slice(0, MOST_SHADERS)
      .map(
        (row) =>
          `| ${row.shader} | ${row.ms.toFixed(2)} | ${String(row.calls)} | ${((100 * row.ms) / sum).toFixed(1)} % |`,
      );
    const head = '| shader | ms a step | calls | share |\n| --- | ---: | ---: | ---: |';
    finish({
      figures: { device, rows },
      text: `Each waited for by itself, on ${device}:\n\n${head}\n${lines.join('\n')}`,
    });
  }
}

function finish(outcome: { readonly figures: unknown; readonly text: string }): never {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
  process.exit();
}

function median(all: readonly number[]): number {
  return [...all].sort((a, b) => a - b)[all.length >> 1]!;
}

/** The largest difference, of the largest number. */
function distance(expected: readonly number[], actual: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((one, at) => Math.abs(one - actual[at]!))) / largest;
}
