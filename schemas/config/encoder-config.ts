/** `training.encoder`: the network that turns a modality's images into features, one for each modality. */
import { z } from 'zod';
import { MEDIA_MODALITIES, type MediaModality } from '../modality.ts';
import { isPluginName, pluginNameSchema, type PluginName } from './plugins.ts';

const count = z.int().positive();

export const RESNET_DEPTHS = [18, 34, 50] as const;
export type ResNetDepth = (typeof RESNET_DEPTHS)[number];

/** Weights of an ImageNet classifier or another network of the same shape, to start a modality's encoder from. */
export const pretrainedWeightsSchema = z.strictObject({
  /** A safetensors file with torchvision's names and layouts. */
  file: z.string(),
  /** Of the file; filled in when the config is read, so that a result stays tied to what it started from. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/u, 'must be 64 lower-case hexadecimal digits')
    .optional(),
  /**
   * When the file's first convolution takes other channels than the modality has (3 for 1 or 2): `average` gives each
   * of the C channels the sum of the file's filters over its channels, divided by C, so that a picture with the same
   * values in every channel is answered as before; `refuse` is an error.
   */
  otherChannels: z.enum(['average', 'refuse']).default('average'),
});
export type PretrainedWeights = z.infer<typeof pretrainedWeightsSchema>;

const builtInSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    // Said or not, it is the same training: it is left out of the spec, whose hash names the training.
    /** The network: a ResNet, unless `cnn` is named. */
    kind: z
      .literal('resnet')
      .optional()
      .overwrite(() => undefined),
    /** Layers of the ResNet. */
    depth: z.literal(RESNET_DEPTHS).default(18),
    /**
     * Channels of the first stage; the feature has 8 × width (depth 18 and 34) or 32 × width (50). 64 is the
     * network as published.
     */
    width: count.default(64),
    /** By modality; absent: random initial weights. */
    pretrained: z.partialRecord(z.enum(MEDIA_MODALITIES), pretrainedWeightsSchema).optional(),
  }),
  /** Four convolutions, for quick runs; the feature has 8 × width. */
  z.strictObject({
    /** Four convolutions, for quick runs. */
    kind: z.literal('cnn'),
    /** Channels of the first convolution; the feature has 8 × width. */
    width: count.default(32),
  }),
]);

export const encoderConfigSchema = z.union([
  builtInSchema,
  /** One that a plug-in brings, with the plug-in's settings. */
  z.strictObject({ kind: pluginNameSchema }),
]);
export type EncoderConfig = z.infer<typeof encoderConfigSchema>;
export type PluginEncoder = Extract<EncoderConfig, { kind: PluginName }>;
export type BuiltInEncoder = Exclude<EncoderConfig, PluginEncoder>;

export function isPluginEncoder(encoder: EncoderConfig): encoder is PluginEncoder {
  return isPluginName(encoder.kind);
}

/** The weights to start from, by modality. */
export function pretrainedOf(
  encoder: EncoderConfig,
): Readonly<Partial<Record<MediaModality, PretrainedWeights>>> {
  return 'pretrained' in encoder ? (encoder.pretrained ?? {}) : {};
}
