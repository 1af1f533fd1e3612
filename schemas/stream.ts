/**
 * Contracts of streaming: what travels on the topics, and what the stream manifest says. Every
 * message carries its schema's version; both ends validate.
 */
import { z } from 'zod';
import { mediaTimeSchema, splitSchema } from './clip.ts';
import { storedExtractionSchema } from './config/extraction-config.ts';
import { shardEntrySchema } from './manifest.ts';
import { modalitySchema } from './modality.ts';
import { stored } from './versions.ts';

export const CLIP_EVENT_VERSION = 1;
/** Longest accepted event, bytes of UTF-8 JSON. */
export const CLIP_EVENT_MAX_BYTES = 65_536;

export const clipIdSchema = z
  .string()
  .regex(/^[\p{L}\p{N}._/-]{1,512}$/u, 'use letters, digits, ".", "_", "/" and "-", at most 512');

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/u, 'must be 64 lower-case hexadecimal digits');

/** A value of `modalmix.clips`: a clip has arrived, or a known clip's label was told or corrected. */
export const clipEventSchema = z
  .strictObject({
    schemaVersion: z.literal(CLIP_EVENT_VERSION).describe('Version of this schema.'),
    clipId: clipIdSchema.describe('Unique within the dataset; also the record key (partition key).'),
    uri: z.string().min(1).max(4096).describe('Where the media file is; only file: URIs are accepted.'),
    audioUri: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe('A separate audio file; absent: the sound is in the file of `uri`.'),
    label: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe(
        "The class's name, one of the dataset's classes; absent: not known, the clip is only to be predicted. " +
          'Sent later with the same id and uri, it makes the clip one to learn from.',
      ),
    split: splitSchema
      .optional()
      .describe('Absent: a known clip keeps its split, a new one gets its split by hash of its group or id.'),
    group: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe('What must not be spread over two splits: speaker, source video.'),
    startS: mediaTimeSchema.optional().describe('Start of the segment in seconds; absent: 0.'),
    endS: mediaTimeSchema
      .positive()
      .optional()
      .describe('End of the segment in seconds; absent: the end of the file.'),
    sha256: sha256Schema.optional().describe('SHA-256 of the media file; checked when given.'),
    sentAt: z.iso
      .datetime({ offset: true })
      .describe('When the event was made (RFC 3339). Of two events about a clip the later one counts.'),
  })
  .describe('A clip has arrived, or its label was told or corrected.');
export type ClipEvent = z.infer<typeof clipEventSchema>;

/** Why an event is on `modalmix.dead-letter`. */
export const DEAD_LETTER_CODES = [
  'event-too-large',
  'malformed-json',
  'unsupported-version',
  'invalid-event',
  'unknown-label',
  'scheme-not-allowed',
  'path-not-allowed',
  'missing-file',
  'hash-mismatch',
  'too-large',
  'empty',
  'unreadable',
  'no-streams',
  'nothing-usable',
  'timeout',
  'crashed',
  'invalid-record',
  'deleted-unread',
] as const;
export const deadLetterCodeSchema = z.enum(DEAD_LETTER_CODES);
export type DeadLetterCode = z.infer<typeof deadLetterCodeSchema>;

/** Bytes of the original value that a dead letter carries at most. */
export const DEAD_LETTER_PAYLOAD_MAX_BYTES = CLIP_EVENT_MAX_BYTES;

/** Where a record stands. */
export const recordPlaceSchema = z.strictObject({
  topic: z.string(),
  partition: z.int().nonnegative(),
  offset: z.int().nonnegative(),
});

/**
 * A value of `modalmix.dead-letter`: an event that could not be used; `deleted-unread`: the first of several that
 * the topic did not keep until somebody read them.
 */
export const deadLetterSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('letter'),
  code: deadLetterCodeSchema,
  /** For a person. */
  message: z.string(),
  source: recordPlaceSchema,
  /** The record's key, as text; absent when it had none. */
  key: z.string().optional(),
  /** The first `DEAD_LETTER_PAYLOAD_MAX_BYTES` of the original value. */
  payloadBase64: z.base64(),
  /** Length of the whole original value. */
  payloadBytes: z.int().nonnegative(),
  rejectedAt: z.iso.datetime(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** A value of `modalmix.dead-letter`: the letter about `source` was sent again. */
export const replayedLetterSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('replayed'),
  source: deadLetterSchema.shape.source,
  replayedAt: z.iso.datetime(),
});

export const deadLetterRecordSchema = z.discriminatedUnion('kind', [deadLetterSchema, replayedLetterSchema]);
export type DeadLetterRecord = z.infer<typeof deadLetterRecordSchema>;

/** What the schema metadata of a record on `modalmix.features` says, all values as text. */
export const featureMetadataSchema = z.strictObject({
  schemaVersion: z.literal('1'),
  /** Hash of extraction config and extractor version: rows of different keys are not mixed. */
  extractionKey: z.string(),
  sentAt: z.iso.datetime({ offset: true }),
  /** `topic/partition/offset` of the event. */
  source: z.string(),
  /** Name of the dataset that the event was ingested for; absent in records of before there was this field. */
  dataset: z.string().optional(),
});

/** One row of a stream shard, in the shard's order; the lines of `<shard>.rows.jsonl`. */
export const streamRowSchema = z.strictObject({
  clipId: z.string(),
  /** Index into the manifest's `classNames`. */
  label: z.int().nonnegative(),
  split: splitSchema,
  group: z.string().optional(),
  contentHash: z.string(),
  /** Milliseconds since 1970 of the event's `sentAt`. */
  sentAtMs: z.number(),
  partition: z.int().nonnegative(),
  offset: z.int().nonnegative(),
});
stored('stream-rows', streamRowSchema);
export type StreamRow = z.infer<typeof streamRowSchema>;

/** Cumulative; `rows + duplicates + outdated + foreign + deadLetters + unlabelled` is the number of records consumed. */
export const streamCountsSchema = z.strictObject({
  /** Rows written, superseded ones included. */
  rows: z.int().nonnegative(),
  /** Of `rows`, those that a later event replaced. */
  superseded: z.int().nonnegative(),
  /** Dropped: the same clip, content, label and split as the row that is there. */
  duplicates: z.int().nonnegative(),
  /** Dropped: older than the row that is there. */
  outdated: z.int().nonnegative(),
  /** Skipped: extracted with another config or extractor version. */
  foreign: z.int().nonnegative(),
  deadLetters: z.int().nonnegative(),
  /** Skipped: their events named no label; absent: none. */
  unlabelled: z.int().positive().optional(),
});
export type StreamCounts = z.infer<typeof streamCountsSchema>;

/** What grows with a stream, in the order of publication: nothing is ever taken out. */
const streamListsSchema = z.strictObject({
  shards: z.array(z.strictObject({ entry: shardEntrySchema, rowsPath: z.string() })),
  /** Rows that no longer count: a later row, or none of the base's, has the clip's current label. */
  superseded: z.array(z.strictObject({ shard: z.string(), row: z.int().nonnegative(), clipId: z.string() })),
  /** Clips whose row a later event said again: it is as new as that event. Of several entries the newest counts. */
  confirmed: z.array(z.strictObject({ clipId: z.string(), sentAtMs: z.number() })).optional(),
});

/** The state of a stream: which shards there are, and which offsets they cover. */
export const streamManifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string(),
  extractionKey: z.string(),
  generation: z.int().positive(),
  /** The sink process that published it. */
  writer: z.string(),
  publishedAt: z.iso.datetime(),
  classNames: z.array(z.string()),
  modalities: z.array(modalitySchema),
  extraction: storedExtractionSchema,
  extractorVersion: z.string(),
  /** The dataset version whose rows count as known; absent: none. */
  baseVersion: z.string().optional(),
  /** The topic the offsets are about. */
  topic: z.string(),
  /** Which topic of that name; absent where the brokers do not tell. */
  topicId: z.string().optional(),
  /** By partition: the first offset that is not covered by `shards` and `counts`. */
  offsets: z.record(z.string(), z.int().nonnegative()),
  counts: streamCountsSchema,
  ...streamListsSchema.shape,
});
stored('window-manifest', streamManifestSchema);
export type StreamManifest = z.infer<typeof streamManifestSchema>;

/** `datasets/<name>/stream/<extractionKey>/segments/<its SHA-256>.json`: a piece of the lists, never changed. */
export const streamSegmentSchema = z.strictObject({
  formatVersion: z.literal(1),
  ...streamListsSchema.required().shape,
});
stored('stream-segment', streamSegmentSchema);
export type StreamSegment = z.infer<typeof streamSegmentSchema>;

/**
 * `datasets/<name>/stream/<extractionKey>/manifests/<generation>.json`: the manifest as it is stored. Its lists begin in
 * the segments, in their order, and end in itself; before format 2 all of them stood here, as in `StreamManifest`. The
 * one with the highest generation counts; each is created once and never written over, so a writer that lost its place
 * cannot publish.
 */
export const streamHeadSchema = streamManifestSchema.extend({
  formatVersion: z.literal(2),
  segments: z.array(
    z.strictObject({
      path: z.string(),
      sha256: z.string(),
      /** Segments of a level are merged into one of the next when there are many. */
      level: z.int().nonnegative(),
      shards: z.int().nonnegative(),
      superseded: z.int().nonnegative(),
      confirmed: z.int().nonnegative(),
      /** Path of its last shard: a manifest that has another one there is not a continuation. */
      lastShard: z.string().optional(),
    }),
  ),
  /** Segments that others replaced in that generation: deleted when nobody reads an older one any more. */
  retired: z.array(z.strictObject({ path: z.string(), generation: z.int().positive() })),
});
export type StreamHead = z.infer<typeof streamHeadSchema>;

/** As any release stored it. */
export const storedStreamManifestSchema = z.discriminatedUnion('formatVersion', [
  streamManifestSchema,
  streamHeadSchema,
]);
stored('stream-manifest', storedStreamManifestSchema);
export type StoredStreamManifest = z.infer<typeof storedStreamManifestSchema>;
