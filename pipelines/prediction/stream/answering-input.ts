/** What a predict worker works with. */
import type { Store } from '../../store/store.ts';
import type { BrokerSource } from '../../streaming/kafka/broker-health.ts';
import type { Log } from '../../streaming/log.ts';
import type { StreamMetrics } from '../../streaming/metrics.ts';
import type { StreamTarget } from '../../streaming/stream-target.ts';

export interface AnsweringInput extends BrokerSource {
  readonly target: StreamTarget;
  readonly store: Store;
  /** The model's name in the registry. */
  readonly model: string;
  /** Unique among the running workers; one that starts with the id of a dead one ends what that left open. */
  readonly workerId: string;
  readonly metrics: StreamMetrics;
  readonly log: Log;
  /** Stops it after the clips that are under way. */
  readonly signal: AbortSignal;
}
