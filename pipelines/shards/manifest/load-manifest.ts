import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import {
  datasetManifestSchema,
  datasetReferenceSchema,
  type DatasetManifest,
  type DatasetReference,
} from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';

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
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ModalmixError('input', 'the manifest is not JSON', { where: path, cause });
  }
  const parsed = datasetManifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new ModalmixError('input', `the manifest is not one: ${z.prettifyError(parsed.error)}`, {
    where: path,
    fix: 'Run the rebuild again with this version of Modalmix.',
  });
}

/** The dataset version that the run's last rebuild published; undefined before the first one. */
export async function findRunDataset(store: Store, runId: string): Promise<DatasetReference | undefined> {
  const bytes = await store.find(storePaths.runDataset(runId));
  return bytes === undefined ? undefined : datasetReferenceSchema.parse(JSON.parse(bytes.toString('utf8')));
}
