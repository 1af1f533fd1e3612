/** What an ingest worker works with. */
import type { Extractor } from '../../extraction/extractor.ts';
import type { BrokerSource } from '../kafka/broker-health.ts';
import type { Log } from '../log.ts';
import type { StreamMetrics } from '../metrics.ts';
import type { StreamTarget } from '../stream-target.ts';

export interface IngestInput extends BrokerSource {
  readonly target: StreamTarget;
  readonly extractor: Extractor;
  /** Folders that events may name files in. */
  readonly allowedRoots: readonly string[];
  /** Unique among the running workers; one that starts with the id of a dead one ends what that left open. */
  readonly workerId: string;
  readonly metrics: StreamMetrics;
  readonly log: Log;
  /** Stops it after the clips that are under way. */
  readonly signal: AbortSignal;
}
