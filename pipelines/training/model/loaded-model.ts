/** What a trained model can be asked. */
import type { Modality } from '../../../schemas/modality.ts';
import type { Batch } from '../data/batches.ts';
import type { Disturbance } from '../data/disturbances.ts';

/** What a forward pass gives, as row-major float32 matrices with a row for each clip of the batch. */
export interface ForwardResult {
  /** z_u [B, D], zeros where the clip lacks the modality. */
  readonly features: Partial<Record<Modality, Float32Array>>;
  /** What the classifier sees [B, fusedSize]. */
  readonly fused: Float32Array;
  /** [B, K] */
  readonly logits: Float32Array;
  /** Unimodal logits [B, K]; rows of clips that lack the modality mean nothing. */
  readonly branchLogits: Partial<Record<Modality, Float32Array>>;
}

export interface ForwardOptions {
  /** Modalities treated as missing in every clip. */
  readonly drop?: readonly Modality[];
  /** One normalised modality is disturbed. */
  readonly disturbed?: { readonly modality: Modality; readonly by: Disturbance };
}

export type EvaluationBatch = Batch;

export interface LoadedModel {
  /** The epoch the weights come from, from 1. */
  readonly epoch: number;
  readonly featureSize: number;
  readonly fusedSize: number;
  readonly classes: number;
  forward(batch: EvaluationBatch, options?: ForwardOptions): ForwardResult;
  /** Frees the weights; the model cannot be used afterwards. */
  dispose(): void;
}
