import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Store } from '../store/store.ts';

export interface PublishManifestInput {
  readonly store: Store;
  readonly name: string;
  /** `ShardPlan.version`. */
  readonly version: string;
}

export declare function publishManifest(input: PublishManifestInput): Promise<DatasetManifest>;
