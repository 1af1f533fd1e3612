import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Store } from '../store/store.ts';

export declare function loadManifest(store: Store, name: string, version: string): Promise<DatasetManifest>;
