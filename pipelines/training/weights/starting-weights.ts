/** What a fine-tuning starts from: the final weights of an earlier training. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { trainingResultSchema, trainingSpecSchema, type TrainingSpec } from '../../../schemas/training.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../../store/stored-json.ts';
import { writeVariables } from '../checkpoints/checkpoint.ts';
import { fusionOf } from './create-model.ts';
import type { MultimodalModel } from '../model/model.ts';
import { writePretrainedWeights } from './pretrained-weights.ts';
import { decodeSafetensors } from '../checkpoints/safetensors.ts';

/**
 * Puts the weights and running statistics of `spec.fineTune.from` into the model; without it, the pretrained weights
 * that the config names into its encoders. The optimiser and the method begin without memory either way.
 *
 * @throws ModalmixError `input` when the weights are not there or not the ones named; `config` when that model has
 *   other classes, modalities or another architecture
 */
export async function writeStartingWeights(
  store: Store,
  spec: TrainingSpec,
  { classNames }: Pick<DatasetManifest, 'classNames'>,
  model: MultimodalModel,
): Promise<void> {
  if (spec.fineTune === undefined) {
    await writePretrainedWeights(spec, model.parameters.all());
    return;
  }
  const { trainingId, sha256 } = spec.fineTune.from;
  const read = async (path: string): Promise<Buffer> => {
    const bytes = await store.find(path);
    if (bytes !== undefined) return bytes;
    throw new ModalmixError('input', 'the training to start from is not there, or not complete', {
      where: `${store.uri}/${path}`,
      fix: `Restore ${trainingId} from a copy, or make another version current with "modalmix models promote".`,
    });
  };
  const record = async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
    parseStored(await read(path), schema, `${store.uri}/${path}`);
  const before = await record(storePaths.runConfig(trainingId), trainingSpecSchema);
  const result = await record(storePaths.trainingResult(trainingId), trainingResultSchema);
  const same = (what: string, old: string, now: string) => {
    if (old === now) return;
    throw new ModalmixError('config', `the model to start from has ${what} ${old}, this training ${now}`, {
      where: trainingId,
      fix: 'Undo the change, or train from scratch under another name in stream.retrain.model.',
    });
  };
  same('the classes', result.classNames.join(', '), classNames.join(', '));
  same('the modalities', before.modalities.join(', '), spec.modalities.join(', '));
  same('the encoder', architectureOf(before), architectureOf(spec));
  same('the fusion', fusionOf(before).name, fusionOf(spec).name);

  const where = storePaths.model(trainingId);
  const weights = await read(where);
  const found = createHash('sha256').update(weights).digest('hex');
  if (found !== sha256) {
    throw new ModalmixError(
      'input',
      `the weights to start from are damaged: their sha256 should be ${sha256} and is ${found}`,
      { where: `${store.uri}/${where}`, fix: 'Restore the file from a copy.' },
    );
  }
  writeVariables(model.parameters.all(), decodeSafetensors(weights, where).tensors, where);
}

/** The encoder as configured, whatever its weights started from. */
function architectureOf({ training }: TrainingSpec): string {
  return JSON.stringify({ ...training.encoder, pretrained: undefined });
}
