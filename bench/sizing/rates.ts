/** Measured rates from which sizes and hours are computed: `rates.json` beside this file, written by `measure.ts`. */
import { z } from 'zod';

const positive = z.number().positive();

export const ratesSchema = z.strictObject({
  /** What they were measured on. */
  machine: z.string(),
  cores: z.int().positive(),
  /** Day, UTC. */
  date: z.iso.date(),
  /** What the clips were. */
  clips: z.string(),
  /** Of one row of features at the default extraction config. */
  featureBytesPerClip: positive,
  sourceBytesPerClip: positive,
  /** By engine, on all `cores`, written and hashed. */
  extractedClipsPerS: z.record(z.string(), positive),
  /** Bytes of sources hashed while planning, and clips planned when hashing costs nothing. */
  hashedMBPerS: positive,
  plannedClipsPerS: positive,
  /** Of the workflow's histories, and the longest execution of the measured chain. */
  eventsPerShard: positive,
  historyBytesPerShard: positive,
  eventsPerExecution: positive,
  /** Shards that one workflow gets through when extraction costs nothing. */
  shardsPerS: positive,
});
export type Rates = z.infer<typeof ratesSchema>;
