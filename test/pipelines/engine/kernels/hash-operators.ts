/**
 * Runs each operator of a build of our kernels, in a process of its own as operators are registered once:
 *
 *     … hash-operators.ts <library>
 *
 * Prints, by operator, type and shape, the hash of each output's bytes. Inputs are the same on every machine.
 */
import { createHash } from 'node:crypto';
import {
  DTYPE_OF,
  cast,
  converted,
  float32,
  int32,
  run,
  tensorOf,
  typed,
  type Handle,
} from '../../../../pipelines/engine/kernels/handles.ts';
import { randomGenerator } from '../../../../pipelines/random/generator.ts';
import { attribute, tf, type OpAttribute } from '../../../../pipelines/engine/tensorflow.ts';

const random = randomGenerator(21, 'lanes');
const hashes: Record<string, readonly string[]> = {};

/** Uniform in [−1, 1), every eighth 0: what a relu leaves. */
function numbers(shape: readonly number[], dtype = DTYPE_OF.float32): Handle {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Array.from({ length: size }, () => 2 * random.uniform() - 1);
  return converted(
    float32(
      values.map((value, i) => (i % 8 === 5 ? 0 : value)),
      [...shape],
    ),
    dtype,
  );
}

function positive(size: number): Handle {
  return float32(Array.from({ length: size }, () => 0.5 + random.uniform()));
}

function operate(
  name: string,
  of: string,
  attributes: OpAttribute[],
  inputs: readonly Handle[],
  outputs = 1,
): Handle[] {
  const results = run(`Modalmix${name}`, attributes, inputs, outputs);
  hashes[`${name} ${of}`] = results.map((result) => {
    const values = tensorOf(cast(result, DTYPE_OF.float32)).dataSync<'float32'>();
    return createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex').slice(0, 16);
  });
  return results;
}

/** Sides that tiles do not divide; channels in eights, sixteens and more; both ways of cutting large filters. */
const CONVOLUTIONS = [
  [2, 13, 9, 40, 72],
  [1, 30, 29, 64, 64],
  [1, 5, 50, 32, 56],
  [1, 9, 14, 48, 144],
  [1, 15, 14, 264, 256],
  [2, 7, 6, 256, 328],
] as const;

function winograd(dtype: number, [images, height, width, from, to]: (typeof CONVOLUTIONS)[number]): void {
  const of = `${String(dtype)} ${[images, height, width, from, to].join('x')}`;
  const type = typed(dtype);
  const geometry = Object.entries({ images, height, width }).map(([name, value]) =>
    attribute.int(name, value),
  );
  const x = numbers([images, height, width, from], dtype);
  const dy = numbers([images, height, width, to], dtype);
  const addend = numbers([images, height, width, from], dtype);
  const filter = numbers([3, 3, from, to]);
  operate('WinogradConvolution', of, [type], [x, filter]);
  operate('WinogradConvolutionBack', of, [type, attribute.int('addends', 1)], [dy, filter, addend]);
  operate('WinogradFilterOfPictures', of, [type], [x, dy]);
  const [v] = operate('WinogradInput', of, [type], [x]);
  const [z] = operate('WinogradOutputGradient', of, [type], [dy, v!]);
  operate('WinogradOutput', of, [...geometry, type], [z!]);
  operate('WinogradInputGradient', of, [...geometry, type, attribute.int('addends', 1)], [v!, addend]);
  const [u] = operate('WinogradFilter', of, [], [filter]);
  operate('WinogradFilterGradient', of, [], [u!]);
}

function aroundConvolutions(dtype: number, channels: number): void {
  const of = `${String(dtype)} ${String(channels)}`;
  const type = typed(dtype);
  const norm = [
    attribute.bool('relu', true),
    attribute.float('epsilon', 1e-5),
    attribute.float('momentum', 0.1),
  ];
  const addends = (count: number) => attribute.int('addends', count);
  const shape = [2, 29, 22, channels];
  const x = numbers(shape, dtype);
  const dy = numbers(shape, dtype);
  const residual = numbers(shape, dtype);
  const learned = [positive(channels), numbers([channels])];
  const running = [numbers([channels]), positive(channels)];
  const withResidual = [type, ...norm, addends(1)];
  const [y, , , mean, inverse] = operate('Norm', of, withResidual, [x, ...learned, ...running, residual], 5);
  operate('NormAgain', of, withResidual, [x, ...learned, mean!, inverse!, residual]);
  const known = [learned[0]!, mean!, inverse!];
  operate('NormGradient', of, [type, addends(1)], [dy, x, ...known, y!], 3);
  operate('NormResidualGradient', of, [type, addends(1)], [dy, x, ...known, y!], 4);
  const pooledShape = [2, 15, 11, channels];
  const pooledDy = numbers(pooledShape, dtype);
  const [pooled] = operate('MaxPool', of, [type], [x]);
  operate('MaxPoolGradient', of, [type], [x, pooled!, pooledDy]);
  const [, places, , , poolMean, poolInverse] = operate(
    'NormPool',
    of,
    [type, ...norm],
    [x, ...learned, ...running],
    6,
  );
  operate('NormPoolGradient', of, [type], [pooledDy, places!, x, learned[0]!, poolMean!, poolInverse!], 3);
  operate('Windows', of, [type], [x]);
  operate('Half', of, [type], [x]);
  operate('HalfGradient', of, [type], [numbers(pooledShape), x]);
  const first = Object.entries({ size: 7, stride: 2, pad: 3 }).map(([name, value]) =>
    attribute.int(name, value),
  );
  const outputs = 2 * channels;
  operate(
    'FilterGradient',
    of,
    [...first, type],
    [numbers([2, 29, 22, 3]), numbers([2, 15, 11, outputs], dtype)],
  );
}

function withoutPictures(): void {
  const size = 100_003;
  const [weight, first, gradient] = [numbers([size]), numbers([size]), numbers([size])];
  const stream = int32([5, -7, 11, 13, -17, 19]);
  operate('Momentum', '', [], [weight, first, gradient, float32([0.1, 0.9, 1e-4])], 2);
  const adam = float32([0.9, 0.1, 0.999, 0.001, 0.01, 0.3, 1e-8, 1e-4, 0.999]);
  operate('Adam', '', [], [weight, first, positive(size), gradient, adam], 3);
  operate('Gaussian', '', [], [int32([3, 33_331]), stream]);
  operate('AddNoise', '', [], [gradient, stream, float32([0.7, 1e-8])]);
}

process.dlopen({ exports: {} }, process.argv[2]!);
tf.tidy(() => {
  for (const dtype of Object.values(DTYPE_OF)) {
    for (const shape of CONVOLUTIONS) winograd(dtype, shape);
    for (const channels of [8, 24, 64]) aroundConvolutions(dtype, channels);
  }
  withoutPictures();
});
process.stdout.write(JSON.stringify(hashes));
