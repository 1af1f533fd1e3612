/** What stands beside an exported model, so that who uses it needs nothing else of ours. */
import { z } from 'zod';
import { methodSchema } from './config/methods.ts';
import { storedExtractionSchema } from './config/extraction-config.ts';
import { normalisationSchema } from './manifest.ts';
import { modalitySchema } from './modality.ts';
import { stored } from './versions.ts';

export const EXPORT_FORMATS = ['savedmodel', 'tfjs', 'safetensors'] as const;
export const exportFormatSchema = z.enum(EXPORT_FORMATS);
export type ExportFormat = z.infer<typeof exportFormatSchema>;

/** The file's name in the export's folder. */
export const EXPORT_MANIFEST = 'modalmix-model.json';

const tensorSchema = z.strictObject({
  name: z.string(),
  dtype: z.literal('float32'),
  /** −1: any number of clips. */
  shape: z.array(z.int()),
  /** In words: axes, units, ranges. */
  meaning: z.string(),
  /** May be left out. */
  optional: z.boolean().optional(),
});

/** `modalmix-model.json`. */
export const exportManifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  format: exportFormatSchema,
  trainingId: z.string(),
  /** The registered version it is, when it was named as one. */
  version: z.strictObject({ model: z.string(), version: z.int() }).optional(),
  method: methodSchema,
  seed: z.int(),
  /** The epoch the weights come from, from 1. */
  epoch: z.int(),
  /** The file of weights in the store, which the export was made from. */
  weights: z.strictObject({ path: z.string(), sha256: z.string() }),
  dataset: z.strictObject({ name: z.string(), version: z.string() }),
  /** By index of the outputs' last axis. */
  classNames: z.array(z.string()),
  modalities: z.array(modalitySchema),
  /** Empty for `safetensors`, which holds weights alone. */
  inputs: z.array(tensorSchema),
  outputs: z.array(tensorSchema),
  preprocessing: z.strictObject({
    /** How a clip becomes the shards' columns (`docs/datasets.md`). */
    extraction: storedExtractionSchema,
    extractorVersion: z.string(),
    /** How columns become inputs, in words. */
    toInputs: z.string(),
    /** (value − mean) / std per channel, in the columns' own units. */
    normalisation: z.partialRecord(modalitySchema, normalisationSchema),
    /** Whether the graph normalises by itself: its inputs are then not normalised. */
    normalisedInside: z.boolean(),
  }),
  files: z.array(z.strictObject({ path: z.string(), bytes: z.int(), sha256: z.string() })),
});
stored('exported-model', exportManifestSchema);
export type ExportManifest = z.infer<typeof exportManifestSchema>;
