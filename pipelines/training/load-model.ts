/** A trained model for judging: weights from the store, forward passes in testing mode. */
import type { Split } from '../../schemas/clip.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import type { Store } from '../store/store.ts';

/** What a forward pass gives, as row-major float32 matrices with a row for each clip of the batch. */
export interface ForwardResult {
  /** z_u [B, D], zeros where the clip lacks the modality. */
  readonly features: Partial<Record<Modality, Float32Array>>;
  /** What the classifier sees [B, fusedDim]. */
  readonly fused: Float32Array;
  /** [B, K] */
  readonly logits: Float32Array;
  /** Unimodal logits [B, K]; rows of clips that lack the modality mean nothing. */
  readonly branchLogits: Partial<Record<Modality, Float32Array>>;
}

export interface ForwardOptions {
  /** Modalities treated as missing in every clip. */
  readonly drop?: readonly Modality[];
  /** Gaussian noise N(0, level²) added to one normalised modality; the same seed gives the same noise. */
  readonly noise?: { readonly modality: Modality; readonly level: number; readonly seed: number };
}

/** Clips of one split in the order of the shards, ready for `forward`; opaque but for these fields. */
export interface EvaluationBatch {
  /** Row numbers within the split, as the shard reader counts them. */
  readonly rows: Int32Array;
  readonly labels: Int32Array;
  /** 1 where the clip has the modality. */
  readonly present: Partial<Record<Modality, Uint8Array>>;
}

export interface LoadedModel {
  readonly epoch: number;
  readonly featureSize: number;
  readonly fusedSize: number;
  readonly classes: number;
  forward(batch: EvaluationBatch, options?: ForwardOptions): ForwardResult;
  /** Frees the weights; the model cannot be used afterwards. */
  dispose(): void;
}

export interface LoadModelInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  readonly manifest: DatasetManifest;
  readonly weights: 'last' | 'best';
}

/** @throws ModalmixError `input` when the training is not complete or its weights cannot be read */
export async function loadModel(input: LoadModelInput): Promise<LoadedModel> {
  throw new ModalmixError('internal', 'loading is being built', { where: input.spec.trainingId });
}

export interface EvaluationBatchesInput {
  readonly store: Store;
  readonly spec: TrainingSpec;
  readonly manifest: DatasetManifest;
  readonly split: Split;
  readonly batchSize: number;
}

/** Every clip of a split once, in the shards' order, centre-cropped and normalised. */
export async function* evaluationBatches(
  input: EvaluationBatchesInput,
): AsyncGenerator<EvaluationBatch, void, undefined> {
  throw new ModalmixError('internal', 'reading is being built', { where: input.split });
}
