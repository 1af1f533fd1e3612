/**
 * Where a training step's time goes, operator by operator:
 *
 *     TF_NUM_INTRAOP_THREADS=2 npx tsx bench/step-profile.ts [--batch 8] [--steps 4] [--taped] [--bfloat16] [--json]
 *         [--products own|library] [--lanes 8|16]
 *
 * On noise in the sizes of the other benches, without reading data. Times are the processor's (user and system, all
 * threads), which other processes on the machine disturb less than the clock's.
 */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { planEncoder } from '../pipelines/training/model/encoders/index.ts';
import { createCompiledEncoder } from '../pipelines/engine/network/compiled-encoder.ts';
import { createPlanParameters } from '../pipelines/engine/network/plan-parameters.ts';
import { createTapedEncoder } from '../pipelines/engine/network/taped-encoder.ts';
import { LANES } from '../pipelines/engine/kernels/native-sources.ts';
import { chooseLanes, nativeKernels } from '../pipelines/engine/kernels/native.ts';
import { chooseProducts } from '../pipelines/engine/kernels/raw-convolution.ts';
import { createOptimizer } from '../pipelines/training/optimizers/index.ts';
import { Parameters } from '../pipelines/engine/network/parameters.ts';
import { backend, tf, type Tensor4D } from '../pipelines/engine/tensorflow.ts';
import { trainingConfigSchema, type Precision } from '../schemas/config/training-config.ts';

const WARM_UP = 2;
const CLASSES = 6;
const SHARE_SHOWN = 0.002;

interface Row {
  readonly operator: string;
  readonly ms: number;
  readonly calls: number;
  readonly share: number;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      batch: { type: 'string', default: '8' },
      steps: { type: 'string', default: '4' },
      taped: { type: 'boolean', default: false },
      bfloat16: { type: 'boolean', default: false },
      products: { type: 'string', default: 'own' },
      lanes: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  chooseProducts(z.enum(['own', 'library']).parse(values.products));
  if (values.lanes !== undefined) chooseLanes(z.literal(LANES).parse(Number(values.lanes)));
  const steps = Number(values.steps);
  const compiled = nativeKernels() && !values.taped;
  if (values.lanes !== undefined && !compiled)
    throw new Error(`there is no build with ${values.lanes} lanes: npm run setup`);
  const precision = values.bfloat16 ? 'bfloat16' : 'float32';
  const step = createStep(Number(values.batch), compiled, precision);
  for (let i = 0; i < WARM_UP; i += 1) step();
  const spent = countOperators();
  const before = processorMs();
  const startedMs = performance.now();
  const systemBefore = process.cpuUsage().system;
  for (let i = 0; i < steps; i += 1) step();
  const total = processorMs() - before;
  const wallMs = (performance.now() - startedMs) / steps;
  const systemMs = (process.cpuUsage().system - systemBefore) / 1_000 / steps;
  const inside = [...spent.values()].reduce((sum, { ms }) => sum + ms, 0);
  const rows = [...spent]
    .map(([operator, { ms, calls }]) => ({
      operator,
      ms: ms / steps,
      calls: calls / steps,
      share: ms / total,
    }))
    .concat({
      operator: '(between operators)',
      ms: (total - inside) / steps,
      calls: 0,
      share: 1 - inside / total,
    })
    .sort((a, b) => b.ms - a.ms);
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  if (values.json)
    print(
      JSON.stringify({
        ...{ compiled, precision, batch: Number(values.batch) },
        ...{ stepMs: total / steps, systemMs, wallMs, peakMiB, rows },
      }),
    );
  else printTable(rows, total / steps, systemMs, wallMs, peakMiB);
}

/** Two encoders of width 64, one linear layer, SGD. */
function createStep(batch: number, compiled: boolean, precision: Precision): () => void {
  const training = trainingConfigSchema.parse({});
  const parameters = new Parameters(0);
  const create = compiled ? createCompiledEncoder : createTapedEncoder;
  const [audio, rgb] = (['audio', 'rgb'] as const).map((modality) => {
    const plan = planEncoder(modality, training.encoder);
    return create(plan, createPlanParameters(parameters, modality, plan), precision);
  });
  const head = parameters.learn('head', [audio!.featureSize + rgb!.featureSize, CLASSES], (numbers) =>
    numbers.fill(0),
  );
  const optimizer = createOptimizer(parameters.trainable, training.optimizer, compiled);
  const sounds: Tensor4D = tf.randomNormal([batch, 257, 188, 1], 0, 1, 'float32', 1);
  const pictures: Tensor4D = tf.randomNormal([batch, 224, 224, 3], 0, 1, 'float32', 2);
  const labels = tf.oneHot(
    tf.tensor1d(
      Array.from({ length: batch }, (_, i) => i % CLASSES),
      'int32',
    ),
    CLASSES,
  );
  return () => {
    tf.tidy(() => {
      const { gradients } = parameters.gradients(() => {
        const fused = tf.concat([audio!.encode(sounds, true), rgb!.encode(pictures, true)], 1);
        return tf.losses.softmaxCrossEntropy(labels, tf.matMul(fused, head as never));
      });
      optimizer.apply(gradients, training.optimizer.learningRate);
    });
  };
}

/** From now on: what each operator costs. */
function countOperators(): Map<string, { ms: number; calls: number }> {
  const spent = new Map<string, { ms: number; calls: number }>();
  const { binding } = backend;
  const counting: typeof binding = Object.create(binding, {
    executeOp: {
      value: (...call: ArgumentsOf<typeof binding.executeOp>) => {
        const startedAt = processorMs();
        const outputs = binding.executeOp(...call);
        const sum = spent.get(call[0]) ?? { ms: 0, calls: 0 };
        spent.set(call[0], { ms: sum.ms + processorMs() - startedAt, calls: sum.calls + 1 });
        return outputs;
      },
    },
  }) as typeof binding;
  Object.assign(backend, { binding: counting });
  return spent;
}

type ArgumentsOf<F extends (...args: never[]) => unknown> = F extends (...args: infer A) => unknown
  ? A
  : never;

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function printTable(
  rows: readonly Row[],
  stepMs: number,
  systemMs: number,
  wallMs: number,
  peakMiB: number,
): void {
  print(
    `A step: ${stepMs.toFixed(0)} ms of processor time, ${systemMs.toFixed(0)} of them the system's; ` +
      `${wallMs.toFixed(0)} ms on the clock; peak ${String(peakMiB)} MiB\n`,
  );
  print('| operator | ms a step | calls | share |\n| --- | --- | --- | --- |');
  for (const { operator, ms, calls, share } of rows) {
    if (share < SHARE_SHOWN) continue;
    print(`| ${operator} | ${ms.toFixed(1)} | ${calls.toFixed(0)} | ${(100 * share).toFixed(1)} % |`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main();
