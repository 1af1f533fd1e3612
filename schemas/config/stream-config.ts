/** The config's `stream` section: topics, what its workers may use, whom to ask, and when to train again. */
import { ModalmixError } from '../errors.ts';
import { isFeatures, type Modality } from '../modality-names.ts';
import { z } from 'zod';
import {
  hostSchema,
  predictConfigSchema,
  reviewConfigSchema,
  type PredictConfig,
  type ReviewConfig,
} from './answer-config.ts';
import { retrainConfigSchema } from './retrain-config.ts';
import { watchConfigSchema, type WatchConfig } from './watch-config.ts';

const positive = z.number().positive();
const count = z.int().positive();

/** Records `from`…`to` − 1 of a partition of `<prefix>.features`. */
export const offsetRangeSchema = z
  .strictObject({
    /** Number of the partition, from 0. */
    partition: z.int().nonnegative(),
    /** The first record taken. */
    from: z.int().nonnegative(),
    /** The record after the last one taken. */
    to: z.int().nonnegative(),
  })
  .refine(({ from, to }) => from <= to, 'from must not be above to');
export type OffsetRange = z.infer<typeof offsetRangeSchema>;

/** The config's `stream` section. */
export const streamConfigSchema = z.strictObject({
  /** Topics are `<prefix>.clips`, `.features`, `.dead-letter`, `.predictions` and `.review`. */
  topicPrefix: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,200}$/u)
    .default('modalmix'),
  /** Folders that events may name files in; absent: the dataset's own root. */
  allowedRoots: z.array(z.string()).min(1).optional(),
  /** The Kafka topics, where Modalmix makes them. */
  topics: z
    .strictObject({
      /** Of each topic: as many ingest workers can share the work. */
      partitions: count.default(6),
      /** Brokers that hold each record. */
      replicationFactor: count.default(1),
      /** Records are kept so long. */
      retentionHours: positive.default(168),
      /** Longest feature row. */
      maxFeatureMiB: positive.default(32),
    })
    .prefault({}),
  /** Workers that turn events into feature records. */
  ingest: z
    .strictObject({
      /** Clips extracted at a time; absent: the machine's cores. */
      concurrency: count.optional(),
      /** Events taken from the topic and not yet published, at most. */
      maxInFlight: count.default(32),
      /** Prometheus metrics on this port; 0: any free one; absent: none. */
      metricsPort: z.int().min(0).max(65_535).optional(),
      /** This machine's address to serve them on, as `0.0.0.0` in a container; absent: the loopback. */
      metricsHost: hostSchema.optional(),
    })
    .prefault({}),
  /** A shard is published when any of these is reached. */
  sink: z
    .strictObject({
      /** Rows that are waiting. */
      flushRows: count.default(1_000),
      /** Size of what is waiting. */
      flushMiB: positive.default(96),
      /** Age of the oldest row that is waiting. */
      flushS: positive.default(30),
      /** As that of `ingest`. */
      metricsPort: z.int().min(0).max(65_535).optional(),
      /** As that of `ingest`. */
      metricsHost: hostSchema.optional(),
    })
    .prefault({}),
  /** Workers that answer clips. */
  predict: predictConfigSchema.optional(),
  /** Whom people are asked about. */
  review: reviewConfigSchema.optional(),
  /** What of the answers is told, and what is an alarm. */
  watch: watchConfigSchema.optional(),
  /**
   * What `train --from-stream` takes, at most one range a partition; set by that command in the config it
   * stores, so that the same run always takes the same records.
   */
  ranges: z.array(offsetRangeSchema).min(1).optional(),
  /** How a model is kept trained by what comes. */
  retrain: retrainConfigSchema.prefault({}),
});
export type StreamConfig = z.infer<typeof streamConfigSchema>;

/**
 * A run's stream, or the defaults.
 *
 * @throws ModalmixError `config` when the run has features that were computed elsewhere: an event names media alone
 */
export function streamOf({
  stream,
  extraction,
}: {
  readonly stream?: StreamConfig | undefined;
  readonly extraction: { readonly modalities: readonly Modality[] };
}): StreamConfig {
  const features = extraction.modalities.filter(isFeatures);
  if (features.length > 0) {
    throw new ModalmixError('config', `${features.join(' and ')} cannot come by stream`, {
      where: 'extraction.modalities',
      fix: 'Leave them out, or rebuild from files: an event of a stream names a media file alone.',
    });
  }
  return stream ?? streamConfigSchema.parse({});
}

/** How a stream's clips are answered. Not written into a config that lacks it: a run's id is a hash of its config. */
export function predictOf({ predict }: StreamConfig): PredictConfig {
  return predict ?? predictConfigSchema.parse({});
}

/** As `predictOf`, of what is watched. */
export function watchOf({ watch }: StreamConfig): WatchConfig {
  return watch ?? watchConfigSchema.parse({});
}

/** As `predictOf`, of reviews. */
export function reviewOf({ review }: StreamConfig): ReviewConfig {
  return review ?? reviewConfigSchema.parse({});
}
