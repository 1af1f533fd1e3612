/** PyTorch's layouts and ours: filters are [D, C, h, w] there and [h, w, C, D] here, matrices [to, from] and [from, to]. */
import type { StoredTensor } from '../checkpoints/safetensors.ts';

/** [D, C, h, w] → [h, w, C, D]; vectors stay as they are. */
export function fromTorchLayout(tensor: StoredTensor): StoredTensor {
  return tensor.shape.length === 4 ? permuted(tensor, [2, 3, 1, 0]) : tensor;
}

/** [h, w, C, D] → [D, C, h, w], [from, to] → [to, from]; vectors stay as they are. */
export function toTorchLayout(tensor: StoredTensor): StoredTensor {
  switch (tensor.shape.length) {
    case 4:
      return permuted(tensor, [3, 2, 0, 1]);
    case 2:
      return permuted(tensor, [1, 0]);
    default:
      return tensor;
  }
}

/** NumPy's `transpose`: axis i of the result is axis `axes[i]` of the tensor. */
function permuted({ shape, values }: StoredTensor, axes: readonly number[]): StoredTensor {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const turned = new Float32Array(values.length);
  const sizes = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const place = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < turned.length; to += 1) {
    turned[to] = values[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis -= 1) {
      place[axis] = place[axis]! + 1;
      from += steps[axis]!;
      if (place[axis]! < sizes[axis]!) break;
      from -= place[axis]! * steps[axis]!;
      place[axis] = 0;
    }
  }
  return { shape: sizes, values: turned };
}
