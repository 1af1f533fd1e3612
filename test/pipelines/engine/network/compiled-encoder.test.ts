/** The compiled encoder against the taped one, which is checked against PyTorch (encoders.test.ts). */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createCompiledEncoder,
  isCompilable,
} from '../../../../pipelines/engine/network/compiled-encoder.ts';
import { createEncoder, planEncoder } from '../../../../pipelines/training/model/encoders/index.ts';
import { createPlanParameters } from '../../../../pipelines/engine/network/plan-parameters.ts';
import type { EncoderPlan } from '../../../../pipelines/engine/network/plan.ts';
import { createTapedEncoder } from '../../../../pipelines/engine/network/taped-encoder.ts';
import {
  cast,
  converted,
  DTYPE_OF,
  handleOf,
  runOne,
  tensorOf,
  typed,
  type Handle,
} from '../../../../pipelines/engine/kernels/handles.ts';
import { roundToBfloat16 } from '../../../../pipelines/engine/kernels/bfloat16.ts';
import { nativeKernels } from '../../../../pipelines/engine/kernels/native.ts';
import {
  chooseProducts,
  convolutionGradient,
  convolve,
} from '../../../../pipelines/engine/kernels/raw-convolution.ts';
import { Parameters } from '../../../../pipelines/engine/network/parameters.ts';
import { backend, tf, type Tensor, type Tensor4D } from '../../../../pipelines/engine/tensorflow.ts';
import type { Precision } from '../../../../schemas/config/training-config.ts';
import type { EncoderConfig } from '../../../../schemas/config/encoder-config.ts';
import { relativeError } from '../../training/golden/read-golden.ts';

const RESNET = planEncoder('rgb', { depth: 18, width: 32 });
/** Deeper ones differ by what a relu near 0 decides. */
const BFLOAT16: readonly [string, EncoderPlan, readonly [number, number, number, number]][] = [
  [
    'the beginning of a ResNet-18',
    { ...RESNET, layers: RESNET.layers.slice(0, 5), featureSize: 64 },
    [4, 75, 58, 3],
  ],
  ['the small CNN', planEncoder('rgb', { kind: 'cnn', width: 8 }), [4, 61, 64, 3]],
];

// Sides that the 4×4 tiles do not divide; widths on both sides of the least that the transforms are used for.
const CASES: readonly [string, EncoderConfig, readonly [number, number, number, number], number][] = [
  ['ResNet-18 of width 32', { depth: 18, width: 32 }, [3, 75, 58, 3], 2e-3],
  ['ResNet-18 of width 8', { depth: 18, width: 8 }, [2, 64, 49, 3], 2e-3],
  // A relu near 0 that decides otherwise is seen through fifty layers.
  ['ResNet-50 of width 8', { depth: 50, width: 8 }, [4, 96, 72, 3], 2e-1],
  ['the small CNN', { kind: 'cnn', width: 8 }, [4, 61, 64, 3], 2e-3],
];

interface Pass {
  readonly features: Float32Array;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

function valuesOf(tensors: ReadonlyMap<string, Tensor>): Map<string, Float32Array> {
  return new Map([...tensors].map(([name, tensor]) => [name, tensor.dataSync<'float32'>().slice()]));
}

/** Comparing millions of numbers one by one takes a test framework a minute. */
function fingerprintOf(arrays: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const values of arrays) hash.update(new Uint8Array(values.buffer));
  return hash.digest('hex');
}

function fingerprint({ features, gradients }: Pass): string {
  return fingerprintOf([features, ...gradients.values()]);
}

/** Of all numbers together: √(Σ difference² / Σ expected²). */
function relativeDistance(actual: readonly Float32Array[], expected: readonly Float32Array[]): number {
  let difference = 0;
  let whole = 0;
  for (const [place, values] of expected.entries()) {
    for (const [i, value] of values.entries()) {
      difference += (actual[place]![i]! - value) ** 2;
      whole += value ** 2;
    }
  }
  return Math.sqrt(difference / whole);
}

// Registers the operators.
nativeKernels();

describe.each(BFLOAT16)('%s with bfloat16', (_name, plan, shape) => {
  const images: Tensor4D = tf.randomUniform([...shape], -1, 1, 'float32', 7);
  const direction = tf.randomNormal([shape[0], plan.featureSize], 0, 1, 'float32', 8);

  const passOf = (create: typeof createCompiledEncoder, precision: Precision) => {
    const parameters = new Parameters(3);
    const encoder = create(plan, createPlanParameters(parameters, 'rgb', plan), precision);
    return tf.tidy(() => {
      let features = new Float32Array();
      const { gradients } = parameters.gradients(() => {
        const z = encoder.encode(images, true);
        features = z.dataSync<'float32'>().slice();
        return tf.sum(tf.mul(z, direction));
      });
      const pass = {
        features: [features],
        gradients: [...valuesOf(gradients).values()],
        tested: [encoder.encode(images, false).dataSync<'float32'>().slice()],
        statistics: [...valuesOf(parameters.buffers).values()],
      };
      parameters.dispose();
      return pass;
    });
  };
  const distances = (a: ReturnType<typeof passOf>, b: ReturnType<typeof passOf>) =>
    Object.fromEntries(
      (['features', 'gradients', 'tested', 'statistics'] as const).map((of) => [
        of,
        relativeDistance(a[of], b[of]),
      ]),
    );
  const single = passOf(createTapedEncoder, 'float32');
  const taped = passOf(createTapedEncoder, 'bfloat16');
  const compiled = passOf(createCompiledEncoder, 'bfloat16');

  it('gives what the taped encoder gives that rounds at the same places', () => {
    const between = distances(compiled, taped);
    // A number near the middle between two is rounded either way, by what the order of sums makes of it.
    expect(between['features']).toBeLessThan(2e-3);
    expect(between['tested']).toBeLessThan(2e-3);
    expect(between['statistics']).toBeLessThan(2e-3);
    expect(between['gradients']).toBeLessThan(5e-2);
  });

  it('stays as near to single precision as its eight bits allow, and no nearer', () => {
    const rounding = distances(compiled, single);
    for (const of of ['features', 'tested', 'statistics']) {
      expect(rounding[of], of).toBeGreaterThan(5e-5);
      expect(rounding[of], of).toBeLessThan(2e-2);
    }
    expect(rounding['gradients']).toBeLessThan(2e-1);
  });

  it('is the same each time', () => {
    const again = passOf(createCompiledEncoder, 'bfloat16').gradients;
    expect(again.map((values) => fingerprintOf([values]))).toEqual(
      compiled.gradients.map((values) => fingerprintOf([values])),
    );
  });
});

it('by fixed statistics says what it says in testing mode, and its gradient is that of those numbers', () => {
  const plan = planEncoder('rgb', { kind: 'cnn', width: 8 });
  const parameters = new Parameters(3);
  const encoder = createCompiledEncoder(plan, createPlanParameters(parameters, 'rgb', plan));
  const images: Tensor4D = tf.randomUniform([3, 40, 37, 3], -1, 1, 'float32', 7);
  const direction = tf.randomNormal([3, plan.featureSize], 0, 1, 'float32', 8);
  encoder.encode(images, true);
  const statistics = valuesOf(parameters.buffers);
  const tested = encoder.encode(images, false).dataSync<'float32'>();
  let fixed = new Float32Array();
  const { gradients } = parameters.gradients(() => {
    const z = encoder.encodeFixed(images);
    fixed = z.dataSync<'float32'>().slice();
    return tf.sum(tf.mul(z, direction));
  });
  expect(relativeDistance([fixed], [tested])).toBeLessThan(1e-5);
  expect(valuesOf(parameters.buffers)).toEqual(statistics);
  expect([...gradients.keys()].sort()).toEqual([...parameters.trainable.keys()].sort());
  // Against a difference quotient, along the gradient of the last layer’s offsets.
  const offset = parameters.trainable.get([...parameters.trainable.keys()].at(-1)!)!;
  const said = () => tf.sum(tf.mul(encoder.encode(images, false), direction)).dataSync()[0]!;
  const along = gradients.get([...parameters.trainable.keys()].at(-1)!)!;
  const [start, step] = [offset.clone(), 1e-2];
  const slope = tf.sum(tf.square(along)).dataSync()[0]!;
  offset.assign(tf.add(start, tf.mul(along, step)));
  const up = said();
  offset.assign(tf.sub(start, tf.mul(along, step)));
  expect((up - said()) / (2 * step) / slope).toBeCloseTo(1, 1);
  parameters.dispose();
});

describe('convolutions by Winograd’s transforms', () => {
  // Sides that tiles do not divide; channels that blocks of 64, 32, 24 and 16 do not; one picture, smaller than a tile
  // too; filters on both sides of each size at which the work is cut otherwise; more tiles than are taken at once.
  const SHAPES = [
    [3, 13, 9, 40, 72],
    [2, 56, 31, 64, 64],
    [1, 3, 2, 32, 56],
    [1, 30, 29, 136, 120],
    [2, 15, 14, 264, 256],
    [9, 14, 13, 256, 264],
    [2, 7, 6, 512, 512],
    [1, 9, 130, 32, 32],
  ] as const;
  it.each(
    SHAPES.flatMap((shape) =>
      (['own', 'library'] as const).flatMap((products) =>
        (['float32', 'bfloat16'] as const).map((precision) => ({ shape, products, precision })),
      ),
    ),
  )('equal TensorFlow’s own: $shape, products: $products, $precision', ({ shape, products, precision }) => {
    const [images, height, width, from, to] = shape;
    const dtype = DTYPE_OF[precision];
    const stored = (channels: number, seed: number): Tensor4D => {
      const numbers: Tensor4D = tf.randomNormal([images, height, width, channels], 0, 1, 'float32', seed);
      return precision === 'bfloat16' ? roundToBfloat16(numbers) : numbers;
    };
    const x = stored(from, 1);
    const addend = stored(from, 2);
    const dy = stored(to, 3);
    const filter: Tensor4D = tf.randomNormal([3, 3, from, to], 0, 0.05, 'float32', 4);
    const [dx, dw] = tf.grads((a, b) => tf.conv2d(a as Tensor4D, b as Tensor4D, 1, 'same'))([x, filter], dy);
    const narrow = (tensor: Tensor) => cast(handleOf(tensor), dtype);
    const values = (handle: Handle) => tensorOf(converted(handle, DTYPE_OF.float32)).dataSync<'float32'>();
    chooseProducts(products);
    try {
      const plan = { size: 3, stride: 1, pad: 1, from, to };
      const y = convolve(narrow(x), handleOf(filter), plan, dtype);
      const gradients = () => {
        const { dx: toInput, dw: toFilter } = convolutionGradient(
          narrow(dy),
          narrow(x),
          handleOf(filter),
          plan,
          {
            addend: narrow(addend.add(0)),
          },
        );
        return [toInput!, toFilter].map((handle) => values(handle).slice()) as [Float32Array, Float32Array];
      };
      const back = gradients();
      // Half of the last of eight bits, or what single precision leaves.
      const tolerance = precision === 'bfloat16' ? 2 ** -8 : 3e-5;
      expect(relativeError(values(y), tf.conv2d(x, filter, 1, 'same').dataSync())).toBeLessThan(tolerance);
      expect(relativeError(back[0], tf.add(dx!, addend).dataSync())).toBeLessThan(tolerance);
      expect(relativeError(back[1], dw!.dataSync())).toBeLessThan(5e-5);
      expect(fingerprintOf(gradients())).toBe(fingerprintOf(back));
    } finally {
      chooseProducts('own');
    }
  });
});

describe('what is stored as bfloat16', () => {
  it('is rounded as TensorFlow rounds it, halves to even, infinities and what is no number included', () => {
    const special = [1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -8, 3.4e38, -3.4e38, Infinity, NaN, 0];
    const numbers = [...special, ...tf.randomNormal([5 * 8 - 8], 0, 1, 'float32', 5).dataSync()];
    const x = handleOf(tf.tensor4d(numbers, [1, 5, 1, 8]));
    const valuesOfHandle = (handle: Handle) =>
      tensorOf(converted(handle, DTYPE_OF.float32)).dataSync<'float32'>();
    // The kernel adds the pixels to every second line of what there is, here zeros, and stores the sum.
    const zeros = cast(handleOf(tf.zeros([1, 9, 1, 8])), DTYPE_OF.bfloat16);
    const ours = valuesOfHandle(runOne('ModalmixHalfGradient', [typed(DTYPE_OF.bfloat16)], [x, zeros]));
    const theirs = valuesOfHandle(cast(x, DTYPE_OF.bfloat16));
    expect([...ours.filter((_, i) => Math.floor(i / 8) % 2 === 0)]).toEqual([...theirs]);
  });
});

describe.each(CASES)('%s, compiled', (_name, config, shape, tolerance) => {
  const plan = planEncoder('rgb', config);
  const images: Tensor4D = tf.randomUniform([...shape], -1, 1, 'float32', 7);
  const direction = tf.randomNormal([shape[0], plan.featureSize], 0, 1, 'float32', 8);

  /** Two passes: the second sees the running statistics that the first has moved. */
  const passesOf = (create: typeof createCompiledEncoder) => {
    const parameters = new Parameters(3);
    const encoder = create(plan, createPlanParameters(parameters, 'rgb', plan));
    const passes: Pass[] = [];
    for (let pass = 0; pass < 2; pass += 1) {
      tf.tidy(() => {
        let features = new Float32Array();
        const { gradients } = parameters.gradients(() => {
          const z = encoder.encode(images, true);
          features = z.dataSync<'float32'>().slice();
          return tf.sum(tf.mul(z, direction));
        });
        passes.push({ features, gradients: valuesOf(gradients) });
      });
    }
    let tested = new Float32Array();
    tf.tidy(() => {
      tested = encoder.encode(images, false).dataSync<'float32'>().slice();
    });
    const buffers = valuesOf(parameters.buffers);
    parameters.dispose();
    return { first: passes[0]!, second: passes[1]!, tested, buffers };
  };

  it('gives the taped one’s features, gradients and running statistics, each time the same', () => {
    expect(nativeKernels()).toBe(true);
    expect(isCompilable(plan)).toBe(true);
    const taped = passesOf(createTapedEncoder);
    const compiled = passesOf(createCompiledEncoder);
    expect(relativeError(compiled.first.features, taped.first.features)).toBeLessThan(tolerance / 20);
    expect(relativeError(compiled.tested, taped.tested)).toBeLessThan(tolerance / 20);
    expect([...compiled.first.gradients.keys()]).toEqual([...taped.first.gradients.keys()]);
    for (const [name, expected] of taped.first.gradients) {
      // Two ways of adding up in single precision, through dozens of layers.
      expect(relativeError(compiled.first.gradients.get(name)!, expected), name).toBeLessThan(tolerance);
    }
    for (const [name, expected] of taped.buffers) {
      expect(relativeError(compiled.buffers.get(name)!, expected), name).toBeLessThan(tolerance / 20);
    }
    expect(fingerprint(compiled.second)).toEqual(fingerprint(compiled.first));
  });

  it('leaves nothing behind, whether a gradient is asked for or not', () => {
    const parameters = new Parameters(3);
    const encoder = createEncoder(parameters, 'rgb', config);
    const passes = [
      () => tf.tidy(() => void encoder.encode(images, true)),
      () => tf.tidy(() => void encoder.encode(images, false)),
      () => tf.tidy(() => void parameters.gradients(() => tf.sum(encoder.encode(images, true)))),
      () =>
        tf.tidy(
          () =>
            void parameters.gradients(
              () => tf.sum(encoder.encode(images, true)),
              (name) => name.endsWith('bn1.weight'),
            ),
        ),
    ];
    for (const pass of passes) pass();
    const before = [tf.memory().numTensors, backend.getNumOfTFTensors()];
    for (const pass of passes) pass();
    expect([tf.memory().numTensors, backend.getNumOfTFTensors()]).toEqual(before);
    parameters.dispose();
  });
});
