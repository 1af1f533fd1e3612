/** What a sink works with. */
import type { Store } from '../../store/store.ts';
import type { BrokerSource } from '../kafka/broker-health.ts';
import type { Log } from '../log.ts';
import type { StreamMetrics } from '../metrics.ts';
import type { SplitShares } from '../rows/choose-split.ts';
import type { StreamTarget } from '../stream-target.ts';

export interface SinkInput extends BrokerSource {
  readonly target: StreamTarget;
  readonly store: Store;
  /** A dataset version whose clips count as known. */
  readonly baseVersion?: string;
  /** How clips are split that no event, no earlier row and no group decides. */
  readonly shares: SplitShares;
  /** Written into the manifests, for whoever looks why a sink was fenced. */
  readonly writerId: string;
  readonly metrics: StreamMetrics;
  readonly log: Log;
  /** Publishes what was taken, then stops. */
  readonly signal: AbortSignal;
}
