import { ModalmixError } from '../../../schemas/errors.ts';
import {
  datasetManifestSchema,
  datasetReferenceSchema,
  type DatasetManifest,
  type DatasetReference,
} from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';
import { findStored, parseStored } from '../../store/stored-json.ts';

/** @throws ModalmixError `input` when that version is not published, or its manifest is not one */
export async function loadManifest(store: Store, name: string, version: string): Promise<DatasetManifest> {
  const path = storePaths.manifest(name, version);
  const bytes = await store.find(path);
  if (bytes === undefined) {
    throw new ModalmixError('input', `the dataset "${name}" has no version ${version}`, {
      where: `${store.uri}/${path}`,
      fix: 'Run the rebuild first.',
    });
  }
  return parseStored(bytes, datasetManifestSchema, `${store.uri}/${path}`, 'remake');
}

/** The dataset version that the run's last rebuild published; undefined before the first one. */
export async function findRunDataset(store: Store, runId: string): Promise<DatasetReference | undefined> {
  return await findStored(store, storePaths.runDataset(runId), datasetReferenceSchema, 'remake');
}
