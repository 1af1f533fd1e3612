/** What an encoder is: images in, one vector for each image out. */
import type { Tensor2D, Tensor4D } from '../tensorflow.ts';

export interface Encoder {
  /** Length D of a feature. */
  readonly featureSize: number;
  /**
   * @param images [N, H, W, C], any H and W
   * @param training normalise by the batch and move the running statistics; else by the running ones
   * @returns [N, D]
   */
  encode(images: Tensor4D, training: boolean): Tensor2D;
  /** As `encode` in testing mode, by the running statistics as they are, with a gradient. */
  encodeFixed(images: Tensor4D): Tensor2D;
}
