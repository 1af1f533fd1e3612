/**
 * Runs an encoder's plan as one operator: forward and backward in the plan's order on bare handles, each released
 * after its last use, with our own kernels for what libtensorflow has none or slower ones for. For the CPU.
 *
 * With bfloat16, what layers hand on and its gradients are stored so; everything in between, statistics and weights are
 * float32.
 */
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from '../kernels/batch-norm.ts';
import { differentiable } from '../kernels/differentiable.ts';
import {
  cast,
  converted,
  DTYPE_OF,
  FLOAT,
  float32,
  handleOf,
  int32,
  release,
  reshape,
  run,
  runOne,
  tensorOf,
  typed,
  type Handle,
} from '../kernels/handles.ts';
import { convolutionGradient, convolve } from '../kernels/raw-convolution.ts';
import type { Precision } from '../../../schemas/config/training-config.ts';
import { attribute, tf, type OpAttribute, type Tensor, type Tensor2D } from '../tensorflow.ts';
import type { Encoder } from './encoder.ts';
import type { ConvolutionNormParameters, PlanParameters } from './plan-parameters.ts';
import { createTapedEncoder } from './taped-encoder.ts';
import { convolutionNorms, type ConvolutionNormPlan, type EncoderPlan, type LayerPlan } from './plan.ts';

/** Channels that the kernels take at once. */
const LANES = 8;

/** Whether the kernels fit: channels in eights, and the pooling and strides of the networks that there are. */
export function isCompilable(plan: EncoderPlan): boolean {
  return (
    convolutionNorms(plan).every(({ to, size, stride }) => to % LANES === 0 && (size > 1 || stride <= 2)) &&
    plan.layers.every(
      (layer) => layer.kind !== 'max-pool' || (layer.size === 3 && layer.stride === 2 && layer.pad === 1),
    )
  );
}

/** @param plan see `isCompilable` */
export function createCompiledEncoder(
  plan: EncoderPlan,
  parameters: PlanParameters,
  precision: Precision = 'float32',
): Encoder {
  const dtype = DTYPE_OF[precision];
  const taped = createTapedEncoder(plan, parameters, precision);
  const layers = convolutionNorms(plan);
  const weights = layers.flatMap((layer) => {
    const { filter, scale, offset } = parameters.get(layer)!;
    return [filter, scale, offset];
  });
  return {
    featureSize: plan.featureSize,
    encode: (images, training) => {
      if (!training)
        return tf.tidy(() => tensorOf(infer(plan, parameters, dtype, handleOf(images))) as Tensor2D);
      let pass: TrainingPass | undefined;
      return differentiable(
        weights,
        () => {
          pass = new TrainingPass(plan, parameters, dtype);
          const value = tensorOf(pass.forward(handleOf(images)));
          return { value, saved: [images, ...pass.held.map(tensorOf)] };
        },
        (dz, [, ...saved]) => pass!.backward(handleOf(dz), saved),
      ) as Tensor2D;
    },
    // Its own way back is of the batch's statistics; the few methods that want this one have the tape's.
    encodeFixed: (images) => taped.encodeFixed(images),
  };
}

/** A layer's output. */
interface Activation {
  readonly shape: readonly number[];
  /** On the way back it is computed again where it was not kept. */
  use(): Handle;
  /** After its last use on the way forward. */
  rest(): void;
  /** After its last use on the way back. */
  drop(): void;
}

/** What a convolution with its normalisation leaves for the way back. */
interface Trace {
  readonly layer: ConvolutionNormPlan;
  readonly x: Activation;
  /** The convolution's output. */
  readonly convolved: Handle;
  readonly y: Activation;
  readonly mean: Handle;
  /** 1 / deviation */
  readonly inverse: Handle;
  readonly relu: boolean;
}

/** One batch forward and back. */
class TrainingPass {
  /** Everything that the way back needs. */
  readonly held: Handle[] = [];
  readonly #plan: EncoderPlan;
  readonly #parameters: PlanParameters;
  /** Of what layers hand on. */
  readonly #dtype: number;
  /** What undoes each layer, from its output's gradient to its input's. */
  readonly #back: ((dy: Handle) => Handle | undefined)[] = [];
  readonly #gradients = new Map<ConvolutionNormPlan, readonly [Handle, Handle, Handle]>();
  /** The last layer's output: [N, H, W, D]. */
  #shape: readonly number[] = [];
  readonly #keepers = new Map<number, Tensor>();

  constructor(plan: EncoderPlan, parameters: PlanParameters, dtype: number) {
    this.#plan = plan;
    this.#parameters = parameters;
    this.#dtype = dtype;
  }

  /** @returns the features [N, D] */
  forward(images: Handle): Handle {
    const [first, second, ...rest] = this.#plan.layers;
    const stem = isStem(first, second) ? [first] : [];
    let x = given(images);
    for (const layer of stem) x = this.#stem(layer, x);
    for (const [index, layer] of (stem.length > 0 ? rest : this.#plan.layers).entries()) {
      const y = this.#layer(layer, x, index + stem.length > 0);
      x.rest();
      x = y;
    }
    this.#shape = x.shape;
    const feature = spatialMean(x.use());
    x.rest();
    return feature;
  }

  /**
   * @param saved tensors of `held`, disposed as soon as they are not needed any more
   * @returns gradients of filter, scale and offset of every layer, in the order of `convolutionNorms`
   */
  backward(dz: Handle, saved: readonly Tensor[]): Tensor[] {
    for (const [place, { id }] of this.held.entries()) this.#keepers.set(id, saved[place]!);
    let gradient: Handle | undefined = spatialMeanGradient(dz, this.#shape, this.#dtype);
    for (const back of this.#back.toReversed()) {
      const dy: Handle = gradient!;
      gradient = back(dy);
    }
    return convolutionNorms(this.#plan).flatMap((layer) => this.#gradients.get(layer)!.map(tensorOf));
  }

  get #type(): OpAttribute {
    return typed(this.#dtype);
  }

  #hold(handle: Handle): Handle {
    this.held.push(handle);
    return handle;
  }

  #drop(...handles: readonly Handle[]): void {
    for (const { id } of handles) this.#keepers.get(id)?.dispose();
  }

  #kept(handle: Handle): Activation {
    this.#hold(handle);
    return {
      shape: handle.shape,
      use: () => handle,
      rest: () => undefined,
      drop: () => {
        this.#drop(handle);
      },
    };
  }

  #layer(layer: LayerPlan, x: Activation, inputGradient: boolean): Activation {
    switch (layer.kind) {
      case 'convolution-norm': {
        const trace = this.#convolutionNorm(layer, x);
        this.#back.push((dy) => this.#undo(trace, dy, { inputGradient }).dx);
        return trace.y;
      }
      case 'max-pool': {
        const y = this.#kept(runOne('ModalmixMaxPool', [this.#type], [x.use()]));
        this.#back.push((dy) => {
          const dx = runOne('ModalmixMaxPoolGradient', [this.#type], [x.use(), y.use(), dy]);
          release(dy);
          y.drop();
          return dx;
        });
        return y;
      }
      case 'residual': {
        const { branch, shortcut } = layer;
        const side = shortcut === undefined ? undefined : this.#convolutionNorm(shortcut, x);
        const traces: Trace[] = [];
        for (const [place, each] of branch.entries()) {
          const isLast = place === branch.length - 1;
          const input = traces.at(-1)?.y ?? x;
          traces.push(this.#convolutionNorm(each, input, isLast ? (side?.y ?? x).use() : undefined));
          if (place > 0) input.rest();
        }
        side?.y.rest();
        this.#back.push((dy) => this.#undoResidual(traces, side, dy));
        return traces.at(-1)!.y;
      }
    }
  }

  /** The first convolution with its normalisation, relu and pooling: no gradient for the images. */
  #stem(layer: ConvolutionNormPlan, images: Activation): Activation {
    const { filter, scale, offset, runningMean, runningVariance } = this.#parameters.get(layer)!;
    const convolved = this.#hold(convolve(images.use(), handleOf(filter), layer, this.#dtype));
    const [y, places, movedMean, movedVariance, mean, inverse] = run(
      'ModalmixNormPool',
      [this.#type, ...normSettings(true)],
      [convolved, ...[scale, offset, runningMean, runningVariance].map(handleOf)],
      6,
    );
    runningMean.assign(tensorOf(movedMean!));
    runningVariance.assign(tensorOf(movedVariance!));
    for (const handle of [places!, mean!, inverse!]) this.#hold(handle);
    const pooled = this.#kept(y!);
    this.#back.push((dy) => {
      const [dconvolved, dscale, doffset] = run(
        'ModalmixNormPoolGradient',
        [this.#type],
        [dy, places!, convolved, handleOf(scale), mean!, inverse!],
        3,
      );
      release(dy);
      pooled.drop();
      this.#drop(convolved, places!, mean!, inverse!);
      const { dw } = convolutionGradient(dconvolved!, images.use(), handleOf(filter), layer, {
        inputGradient: false,
      });
      release(dconvolved);
      this.#gradients.set(layer, [dw, dscale!, doffset!]);
      return undefined;
    });
    return pooled;
  }

  #convolutionNorm(layer: ConvolutionNormPlan, x: Activation, residual?: Handle): Trace {
    const { filter, scale, offset, runningMean, runningVariance } = this.#parameters.get(layer)!;
    const convolved = this.#hold(convolve(x.use(), handleOf(filter), layer, this.#dtype));
    const relu = layer.relu || residual !== undefined;
    const addends = residual === undefined ? [] : [residual];
    const [y, movedMean, movedVariance, mean, inverse] = run(
      'ModalmixNorm',
      normAttributes(relu, this.#dtype, addends.length),
      [convolved, ...[scale, offset, runningMean, runningVariance].map(handleOf), ...addends],
      5,
    );
    runningMean.assign(tensorOf(movedMean!));
    runningVariance.assign(tensorOf(movedVariance!));
    this.#hold(mean!);
    this.#hold(inverse!);
    const again = () =>
      runOne('ModalmixNormAgain', normAttributes(relu, this.#dtype, 0), [
        convolved,
        ...[scale, offset].map(handleOf),
        mean!,
        inverse!,
      ]);
    const activation = residual === undefined ? recomputed(y!, again) : this.#kept(y!);
    return { layer, x, convolved, relu, y: activation, mean: mean!, inverse: inverse! };
  }

  #undoResidual(branch: readonly Trace[], side: Trace | undefined, dy: Handle): Handle {
    let gradient = dy;
    let shortcut: Handle | undefined;
    for (const [place, trace] of [...branch.entries()].toReversed()) {
      const isLast = place === branch.length - 1;
      // The way past a block joins the way through it where that ends: at the block's input.
      const addend = place === 0 && side === undefined ? shortcut : undefined;
      const undone = this.#undo(trace, gradient, { residual: isLast, addend });
      shortcut ??= undone.dresidual;
      gradient = undone.dx!;
    }
    return side === undefined ? gradient : this.#undo(side, shortcut!, { addend: gradient }).dx!;
  }

  /** Takes `dy` and `addend` over. */
  #undo(
    { layer, x, convolved, y, mean, inverse, relu }: Trace,
    dy: Handle,
    options: {
      readonly residual?: boolean;
      readonly addend?: Handle | undefined;
      readonly inputGradient?: boolean;
    },
  ): { readonly dx: Handle | undefined; readonly dresidual: Handle | undefined } {
    const { residual = false, ...rest } = options;
    const { filter, scale } = this.#parameters.get(layer)!;
    const outputs = relu ? [y.use()] : [];
    const [dconvolved, dscale, doffset, dresidual] = run(
      residual ? 'ModalmixNormResidualGradient' : 'ModalmixNormGradient',
      [this.#type, attribute.int('addends', outputs.length)],
      [dy, convolved, handleOf(scale), mean, inverse, ...outputs],
      residual ? 4 : 3,
    );
    release(dy);
    y.drop();
    this.#drop(convolved, mean, inverse);
    const { dx, dw } = convolutionGradient(dconvolved!, x.use(), handleOf(filter), layer, rest);
    release(dconvolved);
    this.#gradients.set(layer, [dw, dscale!, doffset!]);
    return { dx, dresidual };
  }
}

/** Whether the first two layers are the ones that a kernel does together. */
function isStem(first?: LayerPlan, second?: LayerPlan): first is ConvolutionNormPlan {
  return first?.kind === 'convolution-norm' && first.relu && second?.kind === 'max-pool';
}

/** Somebody else's. */
function given(handle: Handle): Activation {
  const nothing = () => undefined;
  return { shape: handle.shape, use: () => handle, rest: nothing, drop: nothing };
}

/**
 * Takes `handle` over and does not keep it: half of a network's outputs are one cheap pass over what is kept anyway.
 *
 * @param again gives the same bits
 */
function recomputed(handle: Handle, again: () => Handle): Activation {
  let present: Handle | undefined = handle;
  const forget = () => {
    release(present);
    present = undefined;
  };
  return { shape: handle.shape, use: () => (present ??= again()), rest: forget, drop: forget };
}

function normAttributes(relu: boolean, dtype: number, addends: number): OpAttribute[] {
  return [typed(dtype), attribute.int('addends', addends), ...normSettings(relu)];
}

function normSettings(relu: boolean): OpAttribute[] {
  return [
    attribute.bool('relu', relu),
    attribute.float('epsilon', BATCH_NORM_EPSILON),
    attribute.float('momentum', BATCH_NORM_MOMENTUM),
  ];
}

/** By the running statistics; nothing is held but what the next layer needs. */
function infer(plan: EncoderPlan, parameters: PlanParameters, dtype: number, images: Handle): Handle {
  let x = images;
  for (const layer of plan.layers) {
    const y = inferLayer(layer, parameters, dtype, x);
    if (x !== images) release(x);
    x = y;
  }
  const feature = spatialMean(x);
  release(x);
  return feature;
}

function inferLayer(layer: LayerPlan, parameters: PlanParameters, dtype: number, x: Handle): Handle {
  const inferNorm = (norm: ConvolutionNormPlan, input: Handle, residual?: Handle) =>
    inferConvolutionNorm(norm, parameters.get(norm)!, dtype, input, residual);
  switch (layer.kind) {
    case 'convolution-norm':
      return inferNorm(layer, x);
    case 'max-pool':
      return runOne('ModalmixMaxPool', [typed(dtype)], [x]);
    case 'residual': {
      const { branch, shortcut } = layer;
      const side = shortcut === undefined ? x : inferNorm(shortcut, x);
      let y = x;
      for (const [place, each] of branch.entries()) {
        const next = inferNorm(each, y, place === branch.length - 1 ? side : undefined);
        if (y !== x) release(y);
        y = next;
      }
      if (side !== x) release(side);
      return y;
    }
  }
}

function inferConvolutionNorm(
  layer: ConvolutionNormPlan,
  { filter, scale, offset, runningMean, runningVariance }: ConvolutionNormParameters,
  dtype: number,
  x: Handle,
  residual: Handle | undefined,
): Handle {
  const convolved = convolve(x, handleOf(filter), layer, dtype);
  const epsilon = float32([BATCH_NORM_EPSILON], []);
  const variance = runOne('AddV2', FLOAT, [handleOf(runningVariance), epsilon]);
  const inverse = runOne('Rsqrt', FLOAT, [variance]);
  const addends = residual === undefined ? [] : [residual];
  const y = runOne(
    'ModalmixNormAgain',
    normAttributes(layer.relu || residual !== undefined, dtype, addends.length),
    [convolved, ...[scale, offset, runningMean].map(handleOf), inverse, ...addends],
  );
  release(convolved, epsilon, variance, inverse);
  return y;
}

/** [N, H, W, D] → [N, D], float32 */
function spatialMean(x: Handle): Handle {
  const axes = int32([1, 2]);
  const floats = cast(x, DTYPE_OF.float32);
  const attributes = [...FLOAT, attribute.int32('Tidx'), attribute.bool('keep_dims', false)];
  const mean = runOne('Mean', attributes, [floats, axes]);
  release(axes, floats === x ? undefined : floats);
  return mean;
}

/** [N, D] → [N, H, W, D] */
function spatialMeanGradient(dz: Handle, shape: readonly number[], dtype: number): Handle {
  const [images, height, width, channels] = shape as [number, number, number, number];
  const pixels = float32([height * width], []);
  const share = converted(runOne('RealDiv', FLOAT, [dz, pixels]), dtype);
  const pixel = reshape(share, [images, 1, 1, channels]);
  const whole = int32(shape);
  const spread = runOne('BroadcastTo', [typed(dtype), attribute.int32('Tidx')], [pixel, whole]);
  release(pixels, share, pixel, whole);
  return spread;
}
