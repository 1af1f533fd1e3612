/**
 * TensorFlow's operators on bare handles: no bookkeeping by TensorFlow.js, so a number's memory is free again at the
 * moment when it is released, not at the end of a tidy.
 */
import { attribute, backend, type OpAttribute, type Tensor } from '../tensorflow.ts';

/** A float32 array that TensorFlow holds. */
export interface Handle {
  readonly id: number;
  readonly shape: readonly number[];
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
  return { id: backend.getInputTensorIds([tensor])[0]!, shape: tensor.shape };
}

/** A tensor of the tidy around the call, which disposes what the handle stands for. */
export function tensorOf({ id, shape }: Handle): Tensor {
  return backend.createOutputTensor({ id, shape: [...shape], dtype: backend.binding.TF_FLOAT });
}

export function int32(values: readonly number[], shape = [values.length]): Handle {
  const { binding } = backend;
  return { id: binding.createTensor(shape, binding.TF_INT32, Int32Array.from(values)), shape };
}

export function float32(values: readonly number[], shape = [values.length]): Handle {
  const { binding } = backend;
  return { id: binding.createTensor(shape, binding.TF_FLOAT, Float32Array.from(values)), shape };
}

export const FLOAT = [attribute.float32('T')];

/** The same numbers in another shape. */
export function reshape(x: Handle, shape: readonly number[]): Handle {
  const wanted = int32(shape);
  const reshaped = runOne('Reshape', [...FLOAT, attribute.int32('Tshape')], [x, wanted]);
  release(wanted);
  return reshaped;
}
