/**
 * Checkpoints as they are read: a training's state, its tensors and the hash over everything. Loads no TensorFlow; see
 * `checkpoint.ts` for how they are written.
 */
import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import { ModalmixError, describeError } from '../../../schemas/errors.ts';
import { modalitySchema } from '../../../schemas/modality.ts';
import { epochMetricsSchema } from '../../../schemas/training.ts';
import {
  NewerVersionError,
  VERSIONS,
  requireKnown,
  unknownFields,
  versionInFormat,
} from '../../../schemas/versions.ts';
import type { Store } from '../../store/store.ts';
import { checkpointPaths } from './checkpoint-files.ts';
import { decodeSafetensors, type StoredTensor } from './safetensors.ts';

const perModality = z.partialRecord(modalitySchema, z.number());

const tallySchema = z.strictObject({
  clips: z.number(),
  lossSum: z.number(),
  fusedCorrect: z.number(),
  branchClips: perModality,
  branchCorrect: perModality,
  branchLossSum: perModality,
  scores: perModality,
});

/** What has been summed up since the epoch began. */
export const epochSumsSchema = z.strictObject({
  tally: tallySchema,
  /** Of the minimised loss, weighted by the batches' sizes. */
  lossSum: z.number(),
  steps: z.int(),
  /** Steps in which something was mixed, and the sums of their ratios. */
  mixedSteps: z.int(),
  ratios: perModality,
  /** Steps in which gradients were modulated, and the sums of their coefficients. */
  modulatedSteps: z.int(),
  coefficients: perModality,
  seconds: z.number(),
  /** Of them, waiting for batches; absent in checkpoints of older versions. */
  dataWaitSeconds: z.number().default(0),
});
export type EpochSums = z.infer<typeof epochSumsSchema>;

export const bestSchema = z.strictObject({ epoch: z.int(), score: z.number() });

/** Where a training stands between two steps. */
export const trainingStateSchema = z.strictObject({
  /** Epochs that are complete, with their metrics. */
  epoch: z.int(),
  /** Steps done in the epoch after those. */
  stepInEpoch: z.int(),
  /** Steps done in all. */
  step: z.int(),
  sums: epochSumsSchema,
  metrics: z.array(epochMetricsSchema),
  best: bestSchema.optional(),
  /** Updates that Adam made of each parameter; absent in checkpoints of older versions. */
  optimizerSteps: z.record(z.string(), z.int()).optional(),
  /** Engine, processor and threads that it was computed with; absent in checkpoints of older versions. */
  machine: z.string().optional(),
  /** Whose matrix products it is computed with, to its end; absent in checkpoints of older versions. */
  products: z.enum(['own', 'library']).optional(),
  /** What a person should know of how it came about: another machine, a damaged checkpoint. */
  notes: z.array(z.string()).optional(),
  /** The method's own. */
  method: z.unknown(),
});
export type TrainingState = z.infer<typeof trainingStateSchema>;

const FORMAT_NAME = 'modalmix-checkpoint';
export const CHECKPOINT_FORMAT = `${FORMAT_NAME}-${String(VERSIONS.checkpoint)}`;

export interface Checkpoint {
  readonly state: TrainingState;
  readonly model: ReadonlyMap<string, StoredTensor>;
  readonly optimizer: ReadonlyMap<string, StoredTensor>;
  /** Empty where the model is what is trained. */
  readonly trained: ReadonlyMap<string, StoredTensor>;
}

/** @throws ModalmixError `input` when the file is not whole, or is another training's; NewerVersionError */
export function decodeCheckpoint(bytes: Buffer, trainingId: string, where: string): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  const version = versionInFormat(FORMAT_NAME, metadata['format']);
  if (version !== undefined) requireKnown('checkpoint', version, where);
  if (version === undefined || metadata['trainingId'] !== trainingId) {
    throw new ModalmixError('input', `this is not a checkpoint of ${trainingId}`, { where });
  }
  const json = metadata['state'] ?? '';
  if (metadata['sha256'] !== hashOf(version, trainingId, json, tensors)) {
    throw new ModalmixError('input', 'the checkpoint does not have the hash that it names', { where });
  }
  const part = (prefix: string) =>
    new Map(
      [...tensors]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  return {
    state: stateOf(json, where),
    model: part('model/'),
    optimizer: part('optimizer/'),
    trained: part('trained/'),
  };
}

/** The hash was right: it is whole, and perhaps of another release. */
function stateOf(json: string, where: string): TrainingState {
  const parsed = trainingStateSchema.safeParse(JSON.parse(json));
  if (parsed.success) return parsed.data;
  const fields = unknownFields(parsed.error.issues);
  if (fields !== undefined) {
    const unknown = `it has fields that this one does not know (${fields.join(', ')})`;
    throw new NewerVersionError(unknown, where, parsed.error);
  }
  throw new ModalmixError('input', 'the checkpoint is of another release of Modalmix', {
    where,
    cause: parsed.error,
  });
}

/**
 * The newest checkpoint that is whole, and why newer ones were passed over.
 *
 * @returns no checkpoint when none is whole
 * @throws NewerVersionError when the newest was written by a newer release: an older one is not gone on from instead
 */
export async function newestCheckpoint(
  store: Store,
  trainingId: string,
): Promise<{ checkpoint?: Checkpoint; refused: string[] }> {
  const refused: string[] = [];
  for (const path of await checkpointPaths(store, trainingId)) {
    try {
      return { checkpoint: decodeCheckpoint(await store.get(path), trainingId, path), refused };
    } catch (error) {
      if (!(error instanceof ModalmixError && error.kind === 'input')) throw error;
      refused.push(describeError(error));
    }
  }
  return { refused };
}

function hashOf(
  version: number,
  trainingId: string,
  json: string,
  tensors: ReadonlyMap<string, StoredTensor>,
): string {
  const hash = startOfHash(trainingId, json, version === 1 ? undefined : tensors);
  for (const name of [...tensors.keys()].sort()) {
    const { values } = tensors.get(name)!;
    hash.update(`${name}\0`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

/**
 * Of a checkpoint's hash: the numbers of its tensors follow, by name.
 *
 * @param shaped the tensors; absent: version 1, whose hash does not hold their shapes
 */
export function startOfHash(
  trainingId: string,
  json: string,
  shaped?: ReadonlyMap<string, Pick<StoredTensor, 'shape'>>,
): Hash {
  const hash = createHash('sha256').update(`${trainingId}\0${json}\0`);
  if (shaped === undefined) return hash;
  const shapes = [...shaped.keys()].sort().map((name) => [name, shaped.get(name)!.shape]);
  return hash.update(`${JSON.stringify(shapes)}\0`);
}
