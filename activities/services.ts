/** What activities need from outside, given once by the worker. */
import type { TrainingPlaces } from '../pipelines/engine/training-places.ts';
import type { Extractor } from '../pipelines/extraction/extractor.ts';
import type { ClipTurns } from '../pipelines/shards/write/clip-turns.ts';
import type { Store } from '../pipelines/store/store.ts';
import type { KafkaConnection } from '../pipelines/streaming/kafka/connection.ts';

export interface Services {
  readonly openStore: (uri: string) => Store;
  /**
   * Made when it is first needed, since a worker that only trains needs none, and kept. Of the engine that the
   * version (`Extractor.version`) names, as `createExtractor` says.
   */
  readonly extractor: (version?: string) => Promise<Extractor>;
  /** For the shards that this process builds at a time. */
  readonly turns: ClipTurns;
  /** For what this process has TensorFlow compute at a time. */
  readonly places: TrainingPlaces;
  /** The brokers to work with; the embedded one is started when it does not run. */
  readonly kafka: () => Promise<KafkaConnection>;
}
