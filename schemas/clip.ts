import { z } from 'zod';
import { featureNameSchema } from './modality.ts';

/**
 * Latest time in a media file, seconds: 115 days. Up to it, microseconds and samples are whole numbers that a double
 * holds.
 */
export const LATEST_TIME_S = 10_000_000;

/** A time in a media file, seconds from its start. */
export const mediaTimeSchema = z.number().nonnegative().max(LATEST_TIME_S);

/** `validation` is cut from the training list by the index stage; the test list is never touched. */
export const SPLITS = ['train', 'validation', 'test'] as const;
export type Split = (typeof SPLITS)[number];
export const splitSchema = z.enum(SPLITS);

/** One labelled clip as a dataset's own lists name it. */
export const clipSchema = z.strictObject({
  /** Unique within the dataset; letters, digits and `._/-`. */
  clipId: z.string().min(1),
  /** Absolute path of the media file that carries the video (or everything); of a clip without one, of its features. */
  path: z.string().min(1),
  /** Absolute path of a separate audio file (CREMA-D's `AudioWAV`); absent: audio is in `path`. */
  audioPath: z.string().min(1).optional(),
  /** Absolute paths of files of vectors that were computed elsewhere, by their name (`features:<name>` is the modality). */
  features: z.record(featureNameSchema, z.string().min(1)).optional(),
  /** Class index into `DatasetIndex.classNames`. */
  label: z.int().nonnegative(),
  split: splitSchema,
  /** What must not be spread over two splits: speaker, source video. */
  group: z.string().optional(),
  /** Segment of the file, seconds; absent: the whole file. */
  startS: mediaTimeSchema.optional(),
  endS: mediaTimeSchema.positive().optional(),
});
export type Clip = z.infer<typeof clipSchema>;

/** What the index stage found, counted; it goes into the manifest and the report. */
export const indexReportSchema = z.strictObject({
  format: z.string(),
  /** The lists or rule by which clips were split, in words. */
  splitRule: z.string(),
  listed: z.int(),
  found: z.int(),
  /** Listed clips with no file: the count and the first names. */
  listedMissing: z.strictObject({ count: z.int(), examples: z.array(z.string()) }),
  /** Files present that no list names. */
  unlisted: z.strictObject({ count: z.int(), examples: z.array(z.string()) }),
  /** Anything else a person should know (groups shared by two splits, duplicate rows, …). */
  notes: z.array(z.string()),
});
export type IndexReport = z.infer<typeof indexReportSchema>;

export interface DatasetIndex {
  readonly classNames: readonly string[];
  /** Sorted by clipId, unique. */
  readonly clips: readonly Clip[];
  readonly report: IndexReport;
}
