/**
 * Checkpoints: all that a training needs to go on as if it had never stopped, in one safetensors file: weights
 * and running statistics (`model/…`), the optimiser's memory (`optimizer/…`), where the model is an average those that
 * are trained (`trained/…`), and the rest as JSON in the metadata, with a hash over everything. Random numbers need no
 * state (see `random/generator.ts`).
 */
import { ModalmixError } from '../../../schemas/errors.ts';
import { CHECKPOINT_FORMAT, startOfHash, type TrainingState } from './read-checkpoint.ts';
import { writeSafetensors, type StoredTensor, type TensorSource } from './safetensors.ts';
import { tf, type Variable } from '../../engine/tensorflow.ts';

/** The live tensors that a checkpoint copies. */
export interface LiveTensors {
  /** What is judged. */
  readonly model: ReadonlyMap<string, Variable>;
  readonly optimizer: ReadonlyMap<string, Variable>;
  /** What is trained, where that is not what is judged. */
  readonly trained?: ReadonlyMap<string, Variable> | undefined;
}

/**
 * Writes the checkpoint to a new local file, a tensor at a time: there is never a second copy of them all in memory.
 *
 * @param file on a disk that may be full: see `publishFile`
 */
export function writeCheckpoint(
  file: string,
  trainingId: string,
  state: TrainingState,
  live: LiveTensors,
): void {
  const json = JSON.stringify(state);
  const tensors = new Map(
    (['model', 'optimizer', 'trained'] as const).flatMap((part) =>
      [...(live[part] ?? [])].map(([name, variable]) => [`${part}/${name}`, sourceOf(variable)] as const),
    ),
  );
  const metadata = (sha256: string) => ({ format: CHECKPOINT_FORMAT, trainingId, state: json, sha256 });
  writeSafetensors(file, tensors, metadata, startOfHash(trainingId, json, tensors));
}

/** Each variable's numbers, read from TensorFlow when they are asked for. */
export function sourceOf(variable: Variable): TensorSource {
  return { shape: variable.shape, read: () => variable.dataSync<'float32'>() };
}

export function readVariables(variables: ReadonlyMap<string, Variable>): Map<string, StoredTensor> {
  return new Map(
    [...variables].map(([name, variable]) => [
      name,
      { shape: variable.shape, values: variable.dataSync<'float32'>() },
    ]),
  );
}

/** @throws ModalmixError `input` when a variable is not in the file, or in another shape */
export function writeVariables(
  variables: ReadonlyMap<string, Variable>,
  tensors: ReadonlyMap<string, StoredTensor>,
  where: string,
): void {
  for (const [name, variable] of variables) {
    const stored = tensors.get(name);
    if (stored === undefined || stored.shape.join() !== variable.shape.join()) {
      throw new ModalmixError(
        'input',
        `"${name}" should be [${variable.shape.join(', ')}] and is ` +
          (stored === undefined ? 'not there' : `[${stored.shape.join(', ')}]`),
        { where, fix: 'The file is of another model; delete the training and run it again.' },
      );
    }
    tf.tidy(() => {
      variable.assign(tf.tensor(stored.values, [...stored.shape]));
    });
  }
}
