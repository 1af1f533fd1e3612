import { z } from 'zod';
import { indexReportSchema, splitSchema } from './clip.ts';
import { storedExtractionSchema } from './config/extraction-config.ts';
import { modalitySchema } from './modality.ts';
import { stored } from './versions.ts';

/** A clip that could not be used, with the reason. */
export const quarantineEntrySchema = z.strictObject({
  clipId: z.string(),
  path: z.string(),
  split: splitSchema,
  /** Machine-readable: `empty`, `unreadable`, `no-streams`, `timeout`, `too-large`, … */
  code: z.string(),
  reason: z.string(),
});
stored('quarantine', quarantineEntrySchema);
export type QuarantineEntry = z.infer<typeof quarantineEntrySchema>;

/** Sums from which mean and deviation per channel follow; merged over shards in the manifest's order. */
export const channelSumsSchema = z.strictObject({
  count: z.number(),
  sum: z.array(z.number()),
  sumOfSquares: z.array(z.number()),
});
export type ChannelSums = z.infer<typeof channelSumsSchema>;

/** One shard file; also stored beside it as `<shard>.json`, which is written after the shard itself. */
export const shardEntrySchema = z.strictObject({
  /** Store path, e.g. `datasets/demo/shards/train-4f1c….arrow`. */
  path: z.string(),
  split: splitSchema,
  /** Hash of everything the bytes depend on: clips with source hashes, extraction config, extractor version. */
  key: z.string(),
  rows: z.int(),
  bytes: z.int(),
  sha256: z.string(),
  classCounts: z.array(z.int()),
  /** Rows in which the modality is missing. */
  missingCounts: z.partialRecord(modalitySchema, z.int()),
  sums: z.partialRecord(modalitySchema, channelSumsSchema),
  quarantined: z.array(quarantineEntrySchema),
});
stored('shard-entry', shardEntrySchema);
export type ShardEntry = z.infer<typeof shardEntrySchema>;

export const normalisationSchema = z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) });
export type Normalisation = z.infer<typeof normalisationSchema>;

export const splitSummarySchema = z.strictObject({
  rows: z.int(),
  classCounts: z.array(z.int()),
  missingCounts: z.partialRecord(modalitySchema, z.int()),
});

/** Set in versions that were frozen from a base version and the rows that came by stream. */
export const snapshotSchema = z.strictObject({
  baseVersion: z.string(),
  extractionKey: z.string(),
  /** Of the stream's manifest. */
  generation: z.int().nonnegative(),
  /** Paths of this version's shards whose rows are new since the window before. */
  newShards: z.array(z.string()),
  /** Rows of the base or of stream shards that a later row replaced: they are in no shard of this version. */
  droppedRows: z.int().nonnegative(),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** `datasets/<name>/<version>/manifest.json`: written last; what it does not name is not in the dataset. */
export const datasetManifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string(),
  /** Hash of clip list (with source hashes), extraction config and extractor version. */
  version: z.string(),
  classNames: z.array(z.string()),
  modalities: z.array(modalitySchema),
  extraction: storedExtractionSchema,
  extractorVersion: z.string(),
  shards: z.array(shardEntrySchema),
  splits: z.record(splitSchema, splitSummarySchema),
  /** Over the training split, per channel: audio in log-magnitude, rgb and flow in 0…255. */
  normalisation: z.partialRecord(modalitySchema, normalisationSchema),
  quarantine: z.array(quarantineEntrySchema),
  index: indexReportSchema,
  snapshot: snapshotSchema.optional(),
});
export type DatasetManifest = z.infer<typeof datasetManifestSchema>;

/** A file of some of a manifest's shards, an entry a line: `datasets/<name>/<version>/shards-<sha256>.jsonl`. */
export const manifestPartSchema = z.strictObject({
  path: z.string(),
  sha256: z.string(),
  shards: z.int(),
  bytes: z.int(),
});
export type ManifestPart = z.infer<typeof manifestPartSchema>;

/** Of a version of very many shards: they lie in parts, in order, and the quarantine's list in its own file. */
export const manifestHeadSchema = datasetManifestSchema
  .omit({ formatVersion: true, shards: true, quarantine: true })
  .extend({
    formatVersion: z.literal(2),
    parts: z.array(manifestPartSchema),
    /** Of `quarantine/<name>/<version>.jsonl`. */
    quarantineSha256: z.string(),
    /** Of the other fields as JSON. */
    sha256: z.string(),
  });
export type ManifestHead = z.infer<typeof manifestHeadSchema>;

/** A manifest in one piece, and the sha256 of its other fields as JSON; absent in manifests of older versions. */
export const wholeManifestSchema = datasetManifestSchema.extend({ sha256: z.string().optional() });

/** As any release stored it. */
export const storedManifestSchema = z.discriminatedUnion('formatVersion', [
  wholeManifestSchema,
  manifestHeadSchema,
]);
stored('manifest', storedManifestSchema);

/** A published version of a dataset; `runs/<runId>/dataset.json`. */
export const datasetReferenceSchema = z.strictObject({ name: z.string(), version: z.string() });
stored('run-dataset', datasetReferenceSchema);
export type DatasetReference = Readonly<z.infer<typeof datasetReferenceSchema>>;
