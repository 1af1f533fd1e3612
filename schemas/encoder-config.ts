/** `training.encoder`: the network that turns a modality's images into features, one for each modality. */
import { z } from 'zod';

const count = z.int().positive();

export const RESNET_DEPTHS = [18, 34, 50] as const;
export type ResNetDepth = (typeof RESNET_DEPTHS)[number];

export const encoderConfigSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    /** Said or not, it is the same training: it is left out of the spec, whose hash names the training. */
    kind: z
      .literal('resnet')
      .optional()
      .overwrite(() => undefined),
    depth: z.literal(RESNET_DEPTHS).default(18),
    /**
     * Channels of the first stage; the feature has 8 × width (depth 18 and 34) or 32 × width (50). 64 is the
     * network as published.
     */
    width: count.default(64),
  }),
  /** Four convolutions, for quick runs; the feature has 8 × width. */
  z.strictObject({ kind: z.literal('cnn'), width: count.default(32) }),
]);
export type EncoderConfig = z.infer<typeof encoderConfigSchema>;
