/** A trained model for judging: weights from the store, forward passes in testing mode. */
import { createHash } from 'node:crypto';
import type { Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { Modality } from '../../../schemas/modality.ts';
import { storePaths } from '../../../schemas/names.ts';
import { trainingResultSchema, type TrainingSpec } from '../../../schemas/training.ts';
import { requireKnown, versionInFormat } from '../../../schemas/versions.ts';
import { usePlugins } from '../../plugins/registry.ts';
import { openShards } from '../../shards/read/shard-reader.ts';
import type { Store } from '../../store/store.ts';
import { getStored } from '../../store/stored-json.ts';
import { openBatches } from '../data/batch-source.ts';
import { cutBatches, testingBatches, type Batch } from '../data/batches.ts';
import { writeVariables } from '../checkpoints/checkpoint.ts';
import { decodeCheckpoint } from '../checkpoints/read-checkpoint.ts';
import { createModel } from './create-model.ts';
import { disturb, rowsOf } from '../data/disturbances.ts';
import type { EvaluationBatch, ForwardOptions, ForwardResult, LoadedModel } from '../model/loaded-model.ts';
import type { MultimodalModel } from '../model/model.ts';
import { PLUGIN_KIT } from '../plugin-kit.ts';
import { decodeSafetensors, type StoredTensor } from '../checkpoints/safetensors.ts';
import { answer } from '../model/answers.ts';
import { tf } from '../../engine/tensorflow.ts';

const WEIGHTS_FORMAT_NAME = 'modalmix-model';

export interface LoadModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  readonly manifest: Pick<DatasetManifest, 'classNames'>;
  readonly weights: 'last' | 'best';
}

/** @throws ModalmixError `input` when the training is not complete or its weights cannot be read */
export async function loadModel({ store, spec, manifest, weights }: LoadModelInput): Promise<LoadedModel> {
  await usePlugins(spec.plugins, async (path) => await store.get(path), PLUGIN_KIT);
  const file = await readWeights(store, spec.trainingId, weights);
  const model = createModel(spec, manifest.classNames.length, 'none');
  try {
    writeVariables(model.parameters.all(), file.tensors, file.where);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return {
    epoch: file.epoch,
    featureSize: model.featureSize,
    fusedSize: model.fusedSize,
    classes: model.classes,
    forward: (batch, options) => forward(model, batch, options ?? {}),
    dispose: () => {
      model.dispose();
    },
  };
}

export interface WeightsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly epoch: number;
  /** Path in the store. */
  readonly where: string;
  /** Of the file's bytes. */
  readonly sha256: () => string;
}

/** @throws ModalmixError `input` when the training is not complete, or the file is not the one that it ended with */
export async function readWeights(
  store: Store,
  trainingId: string,
  weights: 'last' | 'best',
): Promise<WeightsFile> {
  const where = weights === 'best' ? storePaths.bestCheckpoint(trainingId) : storePaths.model(trainingId);
  const bytes = await store.find(where);
  if (bytes === undefined) {
    throw new ModalmixError('input', 'the training is not complete: there are no weights yet', {
      where,
      fix: 'Train it first; a training that was stopped goes on where it was.',
    });
  }
  const sha256 = () => createHash('sha256').update(bytes).digest('hex');
  if (weights === 'best') {
    const { model, state } = decodeCheckpoint(bytes, trainingId, where);
    return { tensors: model, epoch: state.epoch, where, sha256 };
  }
  const result = await getStored(store, storePaths.trainingResult(trainingId), trainingResultSchema);
  const found = sha256();
  if (found !== result.model.sha256) {
    throw new ModalmixError(
      'input',
      `the weights are damaged: their sha256 should be ${result.model.sha256} and is ${found}`,
      {
        where: `${store.uri}/${where}`,
        fix: `Restore the file from a copy, or delete ${store.uri}/${storePaths.trainingResult(trainingId)} and run again: the training writes them anew from its last checkpoint.`,
      },
    );
  }
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  requireKnown('weights', versionInFormat(WEIGHTS_FORMAT_NAME, metadata['format']) ?? 1, where);
  return { tensors, epoch: Number(metadata['epoch']), where, sha256: () => found };
}

function forward(
  model: MultimodalModel,
  batch: Batch,
  { drop = [], disturbed }: ForwardOptions,
): ForwardResult {
  const judged = drop.length === 0 ? batch : withoutModalities(batch, drop);
  const features: Partial<Record<Modality, Float32Array>> = {};
  let fused = new Float32Array();
  let logits = new Float32Array();
  let branchLogits: Partial<Record<Modality, Float32Array>> = {};
  tf.tidy(() => {
    const encoded = model.encode(judged, false, (modality, images) => {
      if (modality !== disturbed?.modality) return images;
      return disturb(images, disturbed.by, modality, rowsOf(batch.rows, judged.images[modality]));
    });
    for (const modality of model.modalities) {
      features[modality] = encoded.values[modality]!.dataSync<'float32'>();
    }
    fused = model.fuse(encoded).fused.dataSync<'float32'>() as typeof fused;
    const answers = answer(model, encoded);
    logits = answers.fused as typeof logits;
    branchLogits = answers.branches;
  });
  return { features, fused, logits, branchLogits };
}

function withoutModalities(batch: Batch, drop: readonly Modality[]): Batch {
  const absent = Object.fromEntries(drop.map((modality) => [modality, new Uint8Array(batch.size)]));
  const images = Object.entries(batch.images).filter(([modality]) => !drop.includes(modality as Modality));
  return { ...batch, present: { ...batch.present, ...absent }, images: Object.fromEntries(images) };
}

export interface EvaluationBatchesInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  readonly manifest: DatasetManifest;
  readonly split: Split;
  readonly batchSize: number;
  /** Of the split; absent: all. */
  readonly rows?: Int32Array;
  /**
   * What the inputs are normalised by: the manifest that the model was trained on, where that is not the one whose
   * clips it is to judge.
   */
  readonly normalisedBy?: Pick<DatasetManifest, 'normalisation'>;
}

/**
 * Every clip of a split once, in the shards' order, or only the rows given, in theirs; seen as the training's `testView` says, and
 * normalised.
 * A batch is valid until the next is asked for.
 */
export async function* evaluationBatches(
  input: EvaluationBatchesInput,
): AsyncGenerator<EvaluationBatch, void, undefined> {
  const { store, spec, manifest, split, batchSize, rows, normalisedBy = manifest } = input;
  const { modalities } = spec;
  const shards = await openShards({ store, manifest, split, modalities });
  try {
    const { cropPx, testView } = spec.training;
    const { candidates } = manifest.extraction.video;
    const options = { manifest: normalisedBy, modalities, cropPx, testView, candidates };
    const sources = await openBatches({ judged: shards }, options);
    const batches = rows === undefined ? testingBatches(shards.rows, batchSize) : cutBatches(rows, batchSize);
    try {
      for await (const batch of sources.of.judged.batches(batches)) yield batch;
    } finally {
      await sources.close();
    }
  } finally {
    shards.close();
  }
}
