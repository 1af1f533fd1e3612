/**
 * TensorFlow's operators on bare handles: no bookkeeping by TensorFlow.js, so a number's memory is free again at the
 * moment when it is released, not at the end of a tidy.
 */
import type { Precision } from '../../../schemas/config/training-config.ts';
import { attribute, backend, type OpAttribute, type Tensor } from '../tensorflow.ts';

/** An array that TensorFlow holds. */
export interface Handle {
  readonly id: number;
  readonly shape: readonly number[];
  /** TensorFlow's number for the type. */
  readonly dtype: number;
}

/** The outputs are the caller's to release. */
export function run(
  name: string,
  attributes: OpAttribute[],
  inputs: readonly Handle[],
  outputs = 1,
): Handle[] {
  return backend.binding.executeOp(
    name,
    attributes,
    inputs.map(({ id }) => id),
    outputs,
  );
}

/** The only output of `run`. */
export function runOne(name: string, attributes: OpAttribute[], inputs: readonly Handle[]): Handle {
  return run(name, attributes, inputs, 1)[0]!;
}

export function release(...handles: readonly (Handle | undefined)[]): void {
  for (const handle of handles) if (handle !== undefined) backend.binding.deleteTensor(handle.id);
}

/** The tensor keeps what the handle stands for. */
export function handleOf(tensor: Tensor): Handle {
  const { TF_FLOAT, TF_INT32 } = backend.binding;
  return {
    id: backend.getInputTensorIds([tensor])[0]!,
    shape: tensor.shape,
    dtype: tensor.dtype === 'int32' ? TF_INT32 : TF_FLOAT,
  };
}

/**
 * A tensor of the tidy around the call, which disposes what the handle stands for. One of bfloat16 can be held, not
 * read: TensorFlow.js takes it for float32.
 */
export function tensorOf({ id, shape }: Handle): Tensor {
  return backend.createOutputTensor({ id, shape: [...shape], dtype: backend.binding.TF_FLOAT });
}

export function int32(values: readonly number[], shape = [values.length]): Handle {
  const { binding } = backend;
  const id = binding.createTensor(shape, binding.TF_INT32, Int32Array.from(values));
  return { id, shape, dtype: binding.TF_INT32 };
}

export function float32(values: readonly number[], shape = [values.length]): Handle {
  const { binding } = backend;
  const id = binding.createTensor(shape, binding.TF_FLOAT, Float32Array.from(values));
  return { id, shape, dtype: binding.TF_FLOAT };
}

export const FLOAT = [attribute.float32('T')];

/** TensorFlow's numbers for the precisions; TensorFlow.js has none for the second (`DT_BFLOAT16`). */
export const DTYPE_OF: Readonly<Record<Precision, number>> = {
  float32: backend.binding.TF_FLOAT,
  bfloat16: 14,
};

export function typed(dtype: number, name = 'T'): OpAttribute {
  return { ...attribute.float32(name), value: dtype };
}

/** x in another type, rounded to nearest and ties to even; x itself where that is its own. */
export function cast(x: Handle, dtype: number): Handle {
  if (x.dtype === dtype) return x;
  const attributes = [typed(x.dtype, 'SrcT'), typed(dtype, 'DstT'), attribute.bool('Truncate', false)];
  return runOne('Cast', attributes, [x]);
}

/** As `cast`; takes `x` over. */
export function converted(x: Handle, dtype: number): Handle {
  const y = cast(x, dtype);
  if (y !== x) release(x);
  return y;
}

/** The same numbers in another shape. */
export function reshape(x: Handle, shape: readonly number[]): Handle {
  const wanted = int32(shape);
  const reshaped = runOne('Reshape', [typed(x.dtype), attribute.int32('Tshape')], [x, wanted]);
  release(wanted);
  return reshaped;
}
