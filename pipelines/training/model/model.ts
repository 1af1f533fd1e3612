/** The multimodal classifier: an encoder for each modality, a fusion, a classifier. */
import type { Precision } from '../../../schemas/config/training-config.ts';
import type { EncoderConfig } from '../../../schemas/config/encoder-config.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { Batch } from '../data/batches.ts';
import { createEncoder, type FeatureInputs } from './encoders/index.ts';
import type { Encoder } from '../../engine/network/encoder.ts';
import { featureOf, type Features } from './features.ts';
import { crossEntropy, lossTargets, type LossSettings } from './losses.ts';
import type { Fused, Fusion, FusionOptions } from './fusion/fusion.ts';
import { namedFusion, type ModelFusion } from './fusion/index.ts';
import { Parameters } from '../../engine/network/parameters.ts';
import { tf, type Scalar, type Tensor2D, type Tensor4D } from '../../engine/tensorflow.ts';

export interface ModelOptions {
  readonly modalities: readonly Modality[];
  readonly encoder: EncoderConfig;
  /** Of the encoders of features that were computed elsewhere. */
  readonly features?: FeatureInputs | undefined;
  /** Of the encoders; absent: float32. */
  readonly precision?: Precision;
  readonly fusion: ModelFusion;
  readonly classes: number;
  /** Of the initial weights; undefined: they are 0, to be overwritten. */
  readonly seed: number | undefined;
  /** A method's own parameters. */
  readonly extend?: CreateExtension | undefined;
  /** Of `loss`; absent: plain cross-entropy. */
  readonly loss?: LossSettings | undefined;
  /** Modalities whose encoders do not learn. */
  readonly frozen?: readonly Modality[] | undefined;
}

/** What a method adds to a model. */
export interface Extension {
  /** The unimodal logits [B, K] from [B, D], where they are not the fusion's. */
  readonly branch?: (modality: Modality, feature: Tensor2D) => Tensor2D;
  /** Where those are linear: `branch` is z W + b with the parameters `<heads>.<modality>.weight` and `.bias`. */
  readonly heads?: string;
}

export type CreateExtension = (parameters: Parameters, options: FusionOptions) => Extension;

export type Perturbation = (modality: Modality, images: Tensor4D) => Tensor4D;

export class MultimodalModel {
  readonly modalities: readonly Modality[];
  readonly classes: number;
  readonly featureSize: number;
  readonly parameters: Parameters;
  readonly #encoders: ReadonlyMap<Modality, Encoder>;
  readonly #fusion: Fusion;
  readonly #loss: LossSettings;
  readonly #frozen: readonly Modality[];
  readonly extension: Extension;

  constructor(options: ModelOptions) {
    const { modalities, classes } = options;
    this.modalities = modalities;
    this.classes = classes;
    this.parameters = new Parameters(options.seed);
    this.#loss = options.loss ?? {};
    this.#frozen = options.frozen ?? [];
    this.#encoders = new Map(
      modalities.map((modality) => [
        modality,
        createEncoder(this.parameters, modality, options.encoder, options.precision, options.features),
      ]),
    );
    this.featureSize = this.#encoders.get(modalities[0]!)!.featureSize;
    const sizes = { modalities, classes, featureSize: this.featureSize };
    this.#fusion = namedFusion(options.fusion).create(this.parameters, sizes);
    this.extension = options.extend?.(this.parameters, sizes) ?? {};
  }

  get fusedSize(): number {
    return this.#fusion.fusedSize;
  }

  /**
   * z_u of every modality. Only the clips that have a modality go through its encoder, so that batch
   * statistics never see a filler.
   *
   * @param perturb changes a modality's normalised images before the encoder sees them
   */
  encode(batch: Batch, training: boolean, perturb?: Perturbation): Features {
    const values: Partial<Record<Modality, Tensor2D>> = {};
    for (const modality of this.modalities) {
      values[modality] = this.#encodeModality(batch, modality, (encoder, x) =>
        encoder.encode(perturb?.(modality, x) ?? x, training && !this.#isFrozen(modality)),
      );
    }
    return { size: batch.size, values, present: batch.present };
  }

  /** z_u of one modality, as `encode`. */
  encodeOne(batch: Batch, modality: Modality, training: boolean): Tensor2D {
    return this.#encodeModality(batch, modality, (encoder, x) =>
      encoder.encode(x, training && !this.#isFrozen(modality)),
    );
  }

  /** z_u of one modality in testing mode, with a gradient; the running statistics stay as they are. */
  encodeFixed(batch: Batch, modality: Modality): Tensor2D {
    return this.#encodeModality(batch, modality, (encoder, x) => encoder.encodeFixed(x));
  }

  /** The classifier's input and the logits [B, K]. */
  fuse(features: Features): Fused {
    return this.#fusion.fuse(features);
  }

  /** The unimodal logits [B, K] of one modality. */
  branch(features: Features, modality: Modality): Tensor2D {
    const feature = featureOf(features, modality);
    return this.extension.branch?.(modality, feature) ?? this.#fusion.branch(modality, feature);
  }

  /**
   * What a method minimises of a prediction: cross-entropy as `crossEntropy`, with the training's label smoothing and
   * class weights.
   */
  loss(logits: Tensor2D, labels: Float32Array, rowWeights?: Uint8Array): Scalar {
    return crossEntropy(logits, lossTargets(labels, this.classes, this.#loss), rowWeights);
  }

  /** Whether a parameter is trained; those of frozen encoders are not. */
  learns(parameter: string): boolean {
    return !this.#frozen.some((modality) => parameter.startsWith(`${modality}.`));
  }

  dispose(): void {
    this.parameters.dispose();
  }

  /** A frozen encoder stays in testing mode: its statistics do not move. */
  #isFrozen(modality: Modality): boolean {
    return this.#frozen.includes(modality);
  }

  #encodeModality(
    batch: Batch,
    modality: Modality,
    encode: (encoder: Encoder, images: Tensor4D) => Tensor2D,
  ): Tensor2D {
    const images = batch.images[modality];
    if (images === undefined || images.rows.length === 0) return tf.zeros([batch.size, this.featureSize]);
    const [clips, frames, height, width, channels] = images.shape;
    // Frames are folded into the batch: [P·F, H, W, C] → [P·F, D] → mean over F → [P, D]
    const x = tf.tensor4d(images.values, [clips * frames, height, width, channels]);
    const perFrame = encode(this.#encoders.get(modality)!, x);
    const perClip =
      frames === 1 ? perFrame : tf.mean<Tensor2D>(tf.reshape(perFrame, [clips, frames, this.featureSize]), 1);
    return clips === batch.size ? perClip : tf.matMul(placement(images.rows, batch.size), perClip);
  }
}

/** The 0/1 matrix [B, P] that puts P rows at their places among B; its gradient takes them from there. */
function placement(rows: Int32Array, size: number): Tensor2D {
  const matrix = new Float32Array(size * rows.length);
  for (const [place, row] of rows.entries()) matrix[row * rows.length + place] = 1;
  return tf.tensor2d(matrix, [size, rows.length]);
}
