/**
 * The gradient of a convolution's filter as a product of matrices in tiles: the backend's own shader has one thread a weight, which
 * reads every pixel of the batch from memory. Here 256 threads make 64 × 64 weights and share what they read
 * (workgroup memory), and long sums are cut into pieces that other threads add up. In a fixed order, so the same numbers come out each time.
 *
 * dW[m, d] = Σ_k X[m, k] · dY[k, d], where m is a place of the filter and a channel of the input, d a channel of the output and k a
 * pixel of an output picture.
 */
import type * as TensorflowNode from '@tensorflow/tfjs-node';

type Tensorflow = typeof TensorflowNode;

/** Weights that a workgroup makes: so many rows and columns, 4 × 4 a thread. */
const TILE = 64;
const THREADS = 16;
/** Pixels whose values are in workgroup memory at a time: 2 × 4 KiB. */
const DEPTH = 16;
/** Enough workgroups for a large GPU, as far as there are pixels. */
const WORKGROUPS = 1_024;
/** A piece of a sum is not shorter. */
const SHORTEST = 16 * DEPTH;
const SUM_THREADS = 64;

interface TensorInfo {
  readonly dataId: object;
  readonly shape: number[];
  readonly dtype: 'float32';
}

type Uniforms = readonly { readonly type: 'int32'; readonly data: readonly number[] }[];

/** What the backend's package runs. */
interface Program {
  readonly variableNames: readonly string[];
  readonly uniforms: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly outputShape: readonly number[];
  readonly dispatchLayout: { readonly x: number[]; readonly y?: number[]; readonly z?: number[] };
  readonly dispatch: readonly [number, number, number];
  readonly shaderKey: string;
  readonly size?: boolean;
  getUserCode(): string;
}

/** The part of the package's backend that it needs. */
export interface ProgramBackend {
  runWebGPUProgram(
    program: Program,
    inputs: readonly TensorInfo[],
    dtype: 'float32',
    uniforms: Uniforms,
  ): TensorInfo;
  disposeData(dataId: object): unknown;
}

interface Shape {
  /** Places of the filter times channels of the input. */
  readonly rows: number;
  readonly columns: number;
  /** Pixels of all output pictures. */
  readonly pixels: number;
}

/**
 * Into how many pieces the sums are cut, and how many times `DEPTH` pixels one is long. The same on every GPU: it decides the
 * rounding.
 */
export function piecesOf({ rows, columns, pixels }: Shape): { pieces: number; turns: number } {
  const tiles = Math.ceil(rows / TILE) * Math.ceil(columns / TILE);
  const wanted = Math.min(Math.ceil(WORKGROUPS / tiles), Math.ceil(pixels / SHORTEST));
  const turns = Math.ceil(pixels / (wanted * DEPTH));
  return { pieces: Math.ceil(pixels / (turns * DEPTH)), turns };
}

/** Takes the place of the backend's kernel; pictures are [N, H, W, C]. */
export function registerFilterGradient(tf: Tensorflow): void {
  const name = { kernelName: 'Conv2DBackpropFilter', backendName: 'webgpu' };
  tf.unregisterKernel(name.kernelName, name.backendName);
  tf.registerKernel({
    ...name,
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { x, dy } = inputs as unknown as { x: TensorInfo; dy: TensorInfo };
      return filterGradient(tf, backend as unknown as ProgramBackend, x, dy, attrs);
    },
  });
}

function filterGradient(
  tf: Tensorflow,
  backend: ProgramBackend,
  x: TensorInfo,
  dy: TensorInfo,
  attributes: object | undefined,
): TensorInfo {
  const { strides, pad, dimRoundingMode, filterShape } = attributes as {
    strides: number;
    pad: number;
    dimRoundingMode?: 'floor';
    filterShape: [number, number, number, number];
  };
  const info = tf.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    ...([filterShape, strides, 1, pad, dimRoundingMode] as const),
  );
  const { batchSize, outHeight, outWidth, outChannels: columns, inChannels } = info;
  const rows = info.filterHeight * info.filterWidth * inChannels;
  const pixels = batchSize * outHeight * outWidth;
  const { pieces, turns } = piecesOf({ rows, columns, pixels });
  const uniforms: Uniforms = [
    { type: 'int32', data: [info.padInfo.top, info.padInfo.left] },
    { type: 'int32', data: [info.strideHeight, info.strideWidth] },
    { type: 'int32', data: [outHeight, outWidth] },
    ...[info.filterWidth, pixels, turns].map((one) => ({ type: 'int32' as const, data: [one] })),
  ];
  const products = backend.runWebGPUProgram(
    productProgram(pieces, rows, columns),
    [x, dy],
    'float32',
    uniforms,
  );
  if (pieces === 1) return { ...products, shape: filterShape };
  const sums = backend.runWebGPUProgram(sumProgram(filterShape), [products], 'float32', [
    { type: 'int32', data: [pieces] },
  ]);
  backend.disposeData(products.dataId);
  return sums;
}

function productProgram(pieces: number, rows: number, columns: number): Program {
  return {
    variableNames: ['x', 'dy'],
    uniforms:
      'pads : vec2<i32>, strides : vec2<i32>, pictures : vec2<i32>, filterWidth : i32, pixels : i32, turns : i32,',
    workgroupSize: [THREADS, THREADS, 1],
    outputShape: [pieces, rows, columns],
    dispatchLayout: { x: [2], y: [1], z: [0] },
    dispatch: [Math.ceil(columns / TILE), Math.ceil(rows / TILE), pieces],
    shaderKey: 'modalmixFilterGradient',
    getUserCode: () => PRODUCT,
  };
}

/** Each of the 256 threads brings four neighbouring values of both matrices, for one pixel of sixteen. */
const PRODUCT = `
var<workgroup> inputs : array<array<vec4<f32>, ${THREADS}>, ${DEPTH}>;
var<workgroup> gradients : array<array<vec4<f32>, ${THREADS}>, ${DEPTH}>;

fn main() {
  let channels = uniforms.xShape[3];
  let rows = uniforms.outShape[1];
  let columns = uniforms.outShape[2];
  let across = i32(localIndex) % ${THREADS};
  let down = i32(localIndex) / ${THREADS};
  let firstRow = i32(workgroupId.y) * ${TILE} + across * 4;
  let firstColumn = i32(workgroupId.x) * ${TILE} + across * 4;

  // Of each of the four rows: the place in the filter and the channel.
  var places : array<vec3<i32>, 4>;
  for (var i = 0; i < 4; i++) {
    let place = (firstRow + i) / channels;
    places[i] = vec3<i32>(place / uniforms.filterWidth, place % uniforms.filterWidth, (firstRow + i) % channels);
  }

  var sums : array<vec4<f32>, 4>;
  for (var turn = 0; turn < uniforms.turns; turn++) {
    let pixel = (i32(workgroupId.z) * uniforms.turns + turn) * ${DEPTH} + down;
    var input = vec4<f32>(0.0);
    var gradient = vec4<f32>(0.0);
    if (pixel < uniforms.pixels) {
      let column = pixel % uniforms.pictures[1];
      let above = pixel / uniforms.pictures[1];
      let row = above % uniforms.pictures[0];
      let picture = above / uniforms.pictures[0];
      let corner = vec2<i32>(row, column) * uniforms.strides - uniforms.pads;
      for (var i = 0; i < 4; i++) {
        let at = corner + places[i].xy;
        if (firstRow + i < rows && all(at >= vec2<i32>(0)) && all(at < uniforms.xShape.yz)) {
          let line = picture * uniforms.xShape[1] + at.x;
          input[i] = x[(line * uniforms.xShape[2] + at.y) * channels + places[i].z];
        }
        if (firstColumn + i < columns) {
          gradient[i] = dy[pixel * columns + firstColumn + i];
        }
      }
    }
    inputs[down][across] = input;
    gradients[down][across] = gradient;
    workgroupBarrier();
    for (var k = 0; k < ${DEPTH}; k++) {
      let left = inputs[k][localId.y];
      let right = gradients[k][localId.x];
      for (var i = 0; i < 4; i++) {
        sums[i] = fma(vec4<f32>(left[i]), right, sums[i]);
      }
    }
    workgroupBarrier();
  }

  for (var i = 0; i < 4; i++) {
    for (var j = 0; j < 4; j++) {
      let row = i32(globalId.y) * 4 + i;
      let column = i32(globalId.x) * 4 + j;
      if (row < rows && column < columns) {
        setOutputAtIndex((i32(workgroupId.z) * rows + row) * columns + column, sums[i][j]);
      }
    }
  }
}
`;

function sumProgram(filterShape: readonly number[]): Program {
  const size = filterShape.reduce((product, one) => product * one, 1);
  return {
    variableNames: ['parts'],
    uniforms: 'pieces : i32,',
    workgroupSize: [SUM_THREADS, 1, 1],
    outputShape: filterShape,
    dispatchLayout: { x: [0, 1, 2, 3] },
    dispatch: [Math.ceil(size / SUM_THREADS), 1, 1],
    shaderKey: 'modalmixFilterGradientSum',
    size: true,
    getUserCode: () => `
fn main(index : i32) {
  if (index < uniforms.size) {
    var sum = 0.0;
    for (var piece = 0; piece < uniforms.pieces; piece++) {
      sum += parts[piece * uniforms.size + index];
    }
    setOutputAtIndex(index, sum);
  }
}
`,
  };
}
