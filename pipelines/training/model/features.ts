/** The features of a batch, and which of them were seen. */
import type { Modality } from '../../../schemas/modality.ts';
import type { Presence } from '../data/presence.ts';
import { tf, type Tensor2D } from '../../engine/tensorflow.ts';

export interface Features {
  readonly size: number;
  /** z_u [B, D]; a row whose clip lacks the modality is zero. */
  readonly values: Readonly<Partial<Record<Modality, Tensor2D>>>;
  /** 1 where the clip has the modality, [B]. */
  readonly present: Presence;
}

/** z_u of a modality the model has. */
export function featureOf(features: Features, modality: Modality): Tensor2D {
  return features.values[modality]!;
}

/** A column [B, 1] with a number for each row, to weigh rows by. */
export function column(size: number, valueOf: (row: number) => number): Tensor2D {
  return tf.tensor2d(
    Float32Array.from({ length: size }, (_, row) => valueOf(row)),
    [size, 1],
  );
}
