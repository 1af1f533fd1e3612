import {
  datasetReferenceSchema,
  type DatasetManifest,
  type DatasetReference,
} from '../../../schemas/manifest.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';
import { findStored } from '../../store/stored-json.ts';
import { wholeManifest } from './manifest-parts.ts';
import { damagedManifest, parseManifest } from './manifest-text.ts';

/**
 * @throws ModalmixError `input` when that version is not published, or its manifest is not one, or not the one that was
 *   published
 */
export async function loadManifest(store: Store, name: string, version: string): Promise<DatasetManifest> {
  const path = storePaths.manifest(name, version);
  const bytes = await store.find(path);
  if (bytes === undefined) {
    throw new ModalmixError('input', `the dataset "${name}" has no version ${version}`, {
      where: `${store.uri}/${path}`,
      fix: 'Run the rebuild first.',
    });
  }
  const manifest = parseManifest(bytes, `${store.uri}/${path}`);
  // Of those that were published before manifests had a hash nothing else says so.
  if (manifest.name !== name || manifest.version !== version) throw damagedManifest(`${store.uri}/${path}`);
  return manifest.formatVersion === 1 ? manifest : await wholeManifest(store, manifest);
}

/** The dataset version that the run's last rebuild published; undefined before the first one. */
export async function findRunDataset(store: Store, runId: string): Promise<DatasetReference | undefined> {
  return await findStored(store, storePaths.runDataset(runId), datasetReferenceSchema, 'remake');
}
