/** The config's `stream.watch` section: what of the answers is an alarm. */
import { z } from 'zod';

const count = z.int().positive();
const share = z.number().min(0).max(1);

/** A window of a worker's answers by one version is told when it is full; each limit: above it is an alarm. */
export const watchConfigSchema = z.strictObject({
  /** Of a window. */
  answers: count.default(500),
  /** Total variation distance of the answered classes' shares from those of the training clips. */
  classShare: share.default(0.3),
  /** Expected calibration error on the clips that came with a label, when there are `minLabelled` of them. */
  calibrationShare: share.default(0.2),
  /** With fewer clips that came with a label calibration is told, and is no alarm. */
  minLabelled: count.default(50),
  /** Mean distance to the training clips, as a multiple of theirs from one another. */
  distanceFactor: z.number().positive().default(1.5),
});
export type WatchConfig = z.infer<typeof watchConfigSchema>;
