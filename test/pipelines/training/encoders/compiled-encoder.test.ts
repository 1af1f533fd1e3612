/** The compiled encoder against the taped one, which is checked against PyTorch (encoders.test.ts). */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createCompiledEncoder,
  isCompilable,
} from '../../../../pipelines/training/encoders/compiled-encoder.ts';
import { createEncoder, planEncoder } from '../../../../pipelines/training/encoders/index.ts';
import { createPlanParameters } from '../../../../pipelines/training/encoders/plan-parameters.ts';
import { createTapedEncoder } from '../../../../pipelines/training/encoders/taped-encoder.ts';
import { nativeKernels } from '../../../../pipelines/training/kernels/native.ts';
import { Parameters } from '../../../../pipelines/training/parameters.ts';
import { backend, tf, type Tensor, type Tensor4D } from '../../../../pipelines/training/tensorflow.ts';
import type { EncoderConfig } from '../../../../schemas/encoder-config.ts';
import { relativeError } from '../golden/read-golden.ts';

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
function fingerprint({ features, gradients }: Pass): string {
  const hash = createHash('sha256');
  for (const values of [features, ...gradients.values()]) hash.update(new Uint8Array(values.buffer));
  return hash.digest('hex');
}

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
