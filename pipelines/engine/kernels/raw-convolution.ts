/**
 * Convolutions on bare handles, with their gradients: 3×3 ones of stride 1 by Winograd's transforms (`../native/`),
 * the others by oneDNN as `convolution.ts` does, whose reasons for padding and halving hold here too. Pictures may be
 * bfloat16; what is multiplied and added is float32.
 */
import { processorFeatures } from '../../process/processor-features.ts';
import { attribute, type OpAttribute } from '../tensorflow.ts';
import { convolutionAttributes, sidesOf } from './convolution.ts';
import {
  cast,
  converted,
  DTYPE_OF,
  FLOAT,
  float32,
  int32,
  release,
  reshape,
  runOne,
  typed,
  type Handle,
} from './handles.ts';

export interface ConvolutionShape {
  readonly size: number;
  readonly stride: number;
  readonly pad: number;
  readonly from: number;
  readonly to: number;
}

export interface ConvolutionGradient {
  /** Absent where it was not asked for. */
  readonly dx: Handle | undefined;
  readonly dw: Handle;
}

/** Whose matrix products stand between Winograd's transforms: our kernels', or TensorFlow's. */
export type Products = 'own' | 'library';

let products: Products = 'own';

/** For this process, from now on. The weights of a training are others, by rounding, with other products. */
export function chooseProducts(chosen: Products): void {
  products = chosen;
}

/** What earlier releases used, which took TensorFlow's for the faster ones on a processor with AVX-512. */
export function earlierProducts(features = processorFeatures()): Products {
  return features.has('avx512f') ? 'library' : 'own';
}

/** Below, the transforms cost more than the multiplications that they save. */
const WINOGRAD_MINIMUM_CHANNELS = 32;
/** Output channels that our kernel for the first layer's filter takes at once. */
const OUTER_COLUMNS = 16;

/**
 * x [N, H, W, from] with filter [size, size, from, to] → [N, …, to]
 *
 * @param dtype of the output
 */
export function convolve(x: Handle, filter: Handle, shape: ConvolutionShape, dtype: number): Handle {
  return isWinograd(shape)
    ? winograd(x, filter, dtype)
    : converted(plainConvolution(x, filter, shape), dtype);
}

/** @returns float32 */
function plainConvolution(x: Handle, filter: Handle, shape: ConvolutionShape): Handle {
  const { stride, size } = shape;
  if (isHalving(shape)) {
    const half = runOne('ModalmixHalf', [typed(x.dtype)], [x]);
    const y = runOne('Conv2D', convolutionAttributes(1, 'VALID'), [half, filter]);
    release(half);
    return y;
  }
  const attributes = isSame(shape)
    ? convolutionAttributes(1, 'SAME')
    : convolutionAttributes(stride, 'VALID');
  return withFloats(isSame(shape) ? x : padImages(x, size, stride, shape.pad), x, (input) =>
    runOne('Conv2D', attributes, [input, filter]),
  );
}

/** body(x as float32); takes x over, unless it is `kept`. */
function withFloats<Result>(x: Handle, kept: Handle | undefined, body: (x: Handle) => Result): Result {
  const floats = x === kept ? cast(x, DTYPE_OF.float32) : converted(x, DTYPE_OF.float32);
  const result = body(floats);
  if (floats !== kept) release(floats);
  return result;
}

/**
 * @param addend in x's shape and dy's type: added to dx, and released
 * @param inputGradient false: no dx
 */
export function convolutionGradient(
  dy: Handle,
  x: Handle,
  filter: Handle,
  shape: ConvolutionShape,
  {
    addend,
    inputGradient = true,
  }: { readonly addend?: Handle | undefined; readonly inputGradient?: boolean },
): ConvolutionGradient {
  if (isWinograd(shape) && inputGradient) return winogradGradient(dy, x, filter, addend);
  if (!inputGradient && shape.to % OUTER_COLUMNS === 0) {
    const { size, stride, pad } = shape;
    const filterShape = [
      attribute.int('size', size),
      attribute.int('stride', stride),
      attribute.int('pad', pad),
    ];
    const dw = runOne('ModalmixFilterGradient', [...filterShape, typed(dy.dtype)], [x, dy]);
    return { dx: undefined, dw };
  }
  return withFloats(dy, dy, (floats) =>
    plainConvolutionGradient(floats, x, filter, shape, addend, inputGradient, dy.dtype),
  );
}

/** @param dtype of dx and `addend`; dy is float32 */
function plainConvolutionGradient(
  dy: Handle,
  x: Handle,
  filter: Handle,
  shape: ConvolutionShape,
  addend: Handle | undefined,
  inputGradient: boolean,
  dtype: number,
): ConvolutionGradient {
  const { stride, size, pad } = shape;
  if (isHalving(shape)) {
    const half = runOne('ModalmixHalf', [typed(x.dtype)], [x]);
    const { dx, dw } = plainGradient(dy, half, filter, convolutionAttributes(1, 'VALID'), inputGradient);
    release(half);
    if (dx === undefined) return { dx, dw };
    const to = addend ?? zerosLike(x);
    const whole = runOne('ModalmixHalfGradient', [typed(to.dtype)], [dx, to]);
    release(dx, to);
    return { dx: whole, dw };
  }
  if (isSame(shape)) {
    const { dx, dw } = withFloats(x, x, (input) =>
      plainGradient(dy, input, filter, convolutionAttributes(1, 'SAME'), inputGradient),
    );
    return { dx: add(dx, addend, dtype), dw };
  }
  const attributes = convolutionAttributes(stride, 'VALID');
  if (isStrided3x3(shape) && inputGradient) {
    const dw = windowedFilterGradient(dy, x, filter);
    const dx = crop(inputGradientOf(dy, paddedShape(x, shape), filter, attributes), x, pad);
    return { dx: add(dx, addend, dtype), dw };
  }
  const padded = padImages(x, size, stride, pad);
  const { dx, dw } = withFloats(padded, x, (input) =>
    plainGradient(dy, input, filter, attributes, inputGradient),
  );
  return { dx: add(dx === undefined || padded === x ? dx : crop(dx, x, pad), addend, dtype), dw };
}

function isWinograd({ size, stride, pad, from, to }: ConvolutionShape): boolean {
  return size === 3 && stride === 1 && pad === 1 && Math.min(from, to) >= WINOGRAD_MINIMUM_CHANNELS;
}

function isHalving({ size, stride, pad }: ConvolutionShape): boolean {
  return size === 1 && stride === 2 && pad === 0;
}

function isSame({ size, stride, pad }: ConvolutionShape): boolean {
  return stride === 1 && size === 2 * pad + 1;
}

function isStrided3x3({ size, stride, pad }: ConvolutionShape): boolean {
  return size === 3 && stride === 2 && pad === 1;
}

/** As one matrix product: oneDNN's kernel takes twice its time. */
function windowedFilterGradient(dy: Handle, x: Handle, filter: Handle): Handle {
  const windows = runOne('ModalmixWindows', [typed(x.dtype)], [x]); // [pixels of dy, 9 · from]
  const flat = reshape(dy, [windows.shape[0]!, dy.shape[3]!]);
  const attributes = [attribute.bool('transpose_a', true), attribute.bool('transpose_b', false)];
  const product = runOne('MatMul', [...FLOAT, ...attributes], [windows, flat]);
  release(windows, flat);
  const dw = reshape(product, filter.shape);
  release(product);
  return dw;
}

function winograd(x: Handle, filter: Handle, dtype: number): Handle {
  if (products === 'own' && x.dtype === dtype)
    return runOne('ModalmixWinogradConvolution', [typed(dtype)], [x, filter]);
  const v = runOne('ModalmixWinogradInput', [typed(x.dtype)], [x]);
  const u = runOne('ModalmixWinogradFilter', [], [filter]);
  const m = runOne('BatchMatMulV2', product(false, false), [v, u]);
  release(v, u);
  const y = runOne('ModalmixWinogradOutput', [...geometry(x), typed(dtype)], [m]);
  release(m);
  return y;
}

function winogradGradient(dy: Handle, x: Handle, filter: Handle, addend: Handle | undefined) {
  const addends = addend === undefined ? [] : [addend];
  const attributes = [typed(dy.dtype), attribute.int('addends', addends.length)];
  if (products === 'own' && x.dtype === dy.dtype) {
    const dw = runOne('ModalmixWinogradFilterOfPictures', [typed(dy.dtype)], [x, dy]);
    const dx = runOne('ModalmixWinogradConvolutionBack', attributes, [dy, filter, ...addends]);
    release(addend);
    return { dx, dw };
  }
  const v = runOne('ModalmixWinogradInput', [typed(x.dtype)], [x]);
  const z = runOne('ModalmixWinogradOutputGradient', [typed(dy.dtype)], [dy, v]);
  const du = runOne('BatchMatMulV2', product(true, false), [v, z]);
  release(v);
  const dw = runOne('ModalmixWinogradFilterGradient', [], [du]);
  release(du);
  const u = runOne('ModalmixWinogradFilter', [], [filter]);
  const dv = runOne('BatchMatMulV2', product(false, true), [z, u]);
  release(z, u);
  const dx = runOne('ModalmixWinogradInputGradient', [...geometry(x), ...attributes], [dv, ...addends]);
  release(dv, addend);
  return { dx, dw };
}

function product(transposeFirst: boolean, transposeSecond: boolean): OpAttribute[] {
  return [...FLOAT, attribute.bool('adj_x', transposeFirst), attribute.bool('adj_y', transposeSecond)];
}

function geometry({ shape: [images, height, width] }: Handle): OpAttribute[] {
  return [attribute.int('images', images!), attribute.int('height', height!), attribute.int('width', width!)];
}

function plainGradient(
  dy: Handle,
  x: Handle,
  filter: Handle,
  attributes: OpAttribute[],
  inputGradient: boolean,
): ConvolutionGradient {
  const filterShape = int32(filter.shape);
  const dw = runOne('Conv2DBackpropFilter', attributes, [x, filterShape, dy]);
  release(filterShape);
  return { dx: inputGradient ? inputGradientOf(dy, x.shape, filter, attributes) : undefined, dw };
}

function inputGradientOf(
  dy: Handle,
  inputShape: readonly number[],
  filter: Handle,
  attributes: OpAttribute[],
): Handle {
  const shape = int32(inputShape);
  const dx = runOne('Conv2DBackpropInput', attributes, [shape, filter, dy]);
  release(shape);
  return dx;
}

function paddedShape({ shape }: Handle, { size, stride, pad }: ConvolutionShape): readonly number[] {
  const [images, height, width, channels] = shape;
  const [rows, columns] = [height!, width!].map((length) => {
    const [before, after] = sidesOf(length, size, stride, pad);
    return before + length + after;
  });
  return [images!, rows!, columns!, channels!];
}

/** Zeros around, as many as the filter's places need; the images themselves where it needs none. */
function padImages(x: Handle, size: number, stride: number, pad: number): Handle {
  if (pad === 0) return x;
  const [, height, width] = x.shape;
  const sides = [...sidesOf(height!, size, stride, pad), ...sidesOf(width!, size, stride, pad)];
  const paddings = int32([0, 0, ...sides, 0, 0], [4, 2]);
  const zero = converted(float32([0], []), x.dtype);
  const padded = runOne('PadV2', [typed(x.dtype), attribute.int32('Tpaddings')], [x, paddings, zero]);
  release(paddings, zero);
  return padded;
}

/** Takes the padding off again. */
function crop(dx: Handle, { shape }: Handle, pad: number): Handle {
  const begin = int32([0, pad, pad, 0]);
  const size = int32(shape);
  const cropped = runOne('Slice', [...FLOAT, attribute.int32('Index')], [dx, begin, size]);
  release(dx, begin, size);
  return cropped;
}

/** x, which is float32, and `addend`, which is of the type `dtype` as the sum; takes both over. */
function add(x: Handle | undefined, addend: Handle | undefined, dtype: number): Handle | undefined {
  if (x === undefined) return undefined;
  if (addend === undefined) return converted(x, dtype);
  const floats = converted(addend, DTYPE_OF.float32);
  const sum = runOne('AddV2', FLOAT, [x, floats]);
  release(x, floats);
  return converted(sum, dtype);
}

function zerosLike(x: Handle): Handle {
  return runOne('ZerosLike', [typed(x.dtype)], [x]);
}
