/** A trained model's weights, by name. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { StoredTensor } from '../training/checkpoints/safetensors.ts';

/** @throws ModalmixError `internal` when the model has no such tensor */
export type Weights = (name: string) => StoredTensor;

export function weightsOf(tensors: ReadonlyMap<string, StoredTensor>): Weights {
  return (name) => {
    const tensor = tensors.get(name);
    if (tensor !== undefined) return tensor;
    throw new ModalmixError('internal', `the model has no parameter "${name}"`);
  };
}
