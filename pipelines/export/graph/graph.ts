/**
 * A TensorFlow graph as data (tensorflow/core/framework/graph.proto), with the few operators that an inference needs.
 * Nothing is computed here; `saved-model.ts` and `tfjs-model.ts` write it down.
 */
import { ModalmixError } from '../../../schemas/errors.ts';

/** Name of a node, whose first output it stands for. */
export type Ref = string;

export type GraphType = 'float32' | 'int32';

export interface GraphConstant {
  readonly type: GraphType;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export type GraphAttribute =
  | { readonly type: GraphType }
  | { readonly int: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  /** −1: any. */
  | { readonly shape: readonly number[] }
  | { readonly constant: GraphConstant };

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  readonly attributes: Readonly<Record<string, GraphAttribute>>;
}

const FLOAT = { type: 'float32' } as const;
const INT = { type: 'int32' } as const;

export class Graph {
  readonly nodes: GraphNode[] = [];
  readonly #names = new Set<string>();

  /** In the order of their nodes. */
  constants(): { readonly name: string; readonly constant: GraphConstant }[] {
    return this.nodes.flatMap(({ name, attributes: { value } }) =>
      value !== undefined && 'constant' in value ? [{ name, constant: value.constant }] : [],
    );
  }

  input(name: string, shape: readonly number[]): Ref {
    return this.#add(name, 'Placeholder', [], { dtype: FLOAT, shape: { shape } });
  }

  /** An input that is `value` where it is not given. */
  optionalInput(name: string, shape: readonly number[], value: Ref): Ref {
    return this.#add(name, 'PlaceholderWithDefault', [value], { dtype: FLOAT, shape: { shape } });
  }

  constant(name: string, shape: readonly number[], values: Float32Array): Ref {
    const constant = { ...FLOAT, shape, values };
    return this.#add(name, 'Const', [], { dtype: FLOAT, value: { constant } });
  }

  scalar(name: string, value: number): Ref {
    return this.constant(name, [], Float32Array.of(value));
  }

  output(name: string, x: Ref): Ref {
    return this.#add(name, 'Identity', [x], { T: FLOAT });
  }

  add(name: string, a: Ref, b: Ref): Ref {
    return this.#add(name, 'AddV2', [a, b], { T: FLOAT });
  }

  subtract(name: string, a: Ref, b: Ref): Ref {
    return this.#add(name, 'Sub', [a, b], { T: FLOAT });
  }

  multiply(name: string, a: Ref, b: Ref): Ref {
    return this.#add(name, 'Mul', [a, b], { T: FLOAT });
  }

  divide(name: string, a: Ref, b: Ref): Ref {
    return this.#add(name, 'RealDiv', [a, b], { T: FLOAT });
  }

  maximum(name: string, a: Ref, b: Ref): Ref {
    return this.#add(name, 'Maximum', [a, b], { T: FLOAT });
  }

  minimum(name: string, a: Ref, b: Ref): Ref {
    return this.#add(name, 'Minimum', [a, b], { T: FLOAT });
  }

  relu(name: string, x: Ref): Ref {
    return this.#add(name, 'Relu', [x], { T: FLOAT });
  }

  sigmoid(name: string, x: Ref): Ref {
    return this.#add(name, 'Sigmoid', [x], { T: FLOAT });
  }

  square(name: string, x: Ref): Ref {
    return this.#add(name, 'Square', [x], { T: FLOAT });
  }

  squareRoot(name: string, x: Ref): Ref {
    return this.#add(name, 'Sqrt', [x], { T: FLOAT });
  }

  log(name: string, x: Ref): Ref {
    return this.#add(name, 'Log', [x], { T: FLOAT });
  }

  /** Over the last axis, as `logSoftmax`. */
  softmax(name: string, x: Ref): Ref {
    return this.#add(name, 'Softmax', [x], { T: FLOAT });
  }

  logSoftmax(name: string, x: Ref): Ref {
    return this.#add(name, 'LogSoftmax', [x], { T: FLOAT });
  }

  /** All terms of one shape. */
  sum(name: string, terms: readonly Ref[]): Ref {
    return this.#add(name, 'AddN', terms, { T: FLOAT, N: { int: terms.length } });
  }

  /** Along axis 1. */
  concat(name: string, parts: readonly Ref[]): Ref {
    const axis = this.#ints(`${name}/axis`, [1], []);
    return this.#add(name, 'ConcatV2', [...parts, axis], { T: FLOAT, Tidx: INT, N: { int: parts.length } });
  }

  /** Column `at` of [N, …], kept as [N, 1]. */
  column(name: string, x: Ref, at: number): Ref {
    const begin = this.#ints(`${name}/begin`, [0, at]);
    const size = this.#ints(`${name}/size`, [-1, 1]);
    return this.#add(name, 'Slice', [x, begin, size], { T: FLOAT, Index: INT });
  }

  /** @param shape with one −1 at most */
  reshape(name: string, x: Ref, shape: readonly number[]): Ref {
    return this.#add(name, 'Reshape', [x, this.#ints(`${name}/shape`, shape)], { T: FLOAT, Tshape: INT });
  }

  mean(name: string, x: Ref, axes: readonly number[]): Ref {
    return this.#reduce('Mean', name, x, axes, false);
  }

  sumOver(name: string, x: Ref, axes: readonly number[], keep: boolean): Ref {
    return this.#reduce('Sum', name, x, axes, keep);
  }

  /** [N, A] · [A, B] */
  matMul(name: string, x: Ref, weight: Ref): Ref {
    const attributes = { T: FLOAT, transpose_a: { bool: false }, transpose_b: { bool: false } };
    return this.#add(name, 'MatMul', [x, weight], attributes);
  }

  bias(name: string, x: Ref, bias: Ref): Ref {
    return this.#add(name, 'BiasAdd', [x, bias], { T: FLOAT, data_format: { text: 'NHWC' } });
  }

  /** Rows and columns of [N, H, W, C] get `pad` more of `value` on each of the four sides. */
  pad(name: string, x: Ref, pad: number, value: number): Ref {
    const paddings = this.#ints(`${name}/paddings`, [0, 0, pad, pad, pad, pad, 0, 0], [4, 2]);
    const filler = this.scalar(`${name}/value`, value);
    return this.#add(name, 'PadV2', [x, paddings, filler], { T: FLOAT, Tpaddings: INT });
  }

  /** @param padding SAME is symmetric only at stride 1 */
  convolution(name: string, x: Ref, filter: Ref, stride: number, padding: 'SAME' | 'VALID'): Ref {
    return this.#add(name, 'Conv2D', [x, filter], {
      T: FLOAT,
      strides: { ints: [1, stride, stride, 1] },
      padding: { text: padding },
      explicit_paddings: { ints: [] },
      data_format: { text: 'NHWC' },
      dilations: { ints: [1, 1, 1, 1] },
      use_cudnn_on_gpu: { bool: true },
    });
  }

  /** Without padding. */
  maxPool(name: string, x: Ref, size: number, stride: number): Ref {
    return this.#add(name, 'MaxPool', [x], {
      T: FLOAT,
      ksize: { ints: [1, size, size, 1] },
      strides: { ints: [1, stride, stride, 1] },
      padding: { text: 'VALID' },
      explicit_paddings: { ints: [] },
      data_format: { text: 'NHWC' },
    });
  }

  #reduce(op: string, name: string, x: Ref, axes: readonly number[], keep: boolean): Ref {
    const attributes = { T: FLOAT, Tidx: INT, keep_dims: { bool: keep } };
    return this.#add(name, op, [x, this.#ints(`${name}/axes`, axes)], attributes);
  }

  #ints(name: string, values: readonly number[], shape: readonly number[] = [values.length]): Ref {
    const constant = { ...INT, shape, values: Int32Array.from(values) };
    return this.#add(name, 'Const', [], { dtype: INT, value: { constant } });
  }

  #add(name: string, op: string, inputs: readonly Ref[], attributes: GraphNode['attributes']): Ref {
    if (this.#names.has(name)) throw new ModalmixError('internal', `two nodes are called "${name}"`);
    this.#names.add(name);
    this.nodes.push({ name, op, inputs, attributes });
    return name;
  }
}
