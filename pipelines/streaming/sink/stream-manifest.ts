/**
 * The stream's manifest: which shards there are and which offsets they cover, in one file. Generations are
 * created, never replaced, so two sinks cannot both publish the next one: the slower is fenced.
 */
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import { streamManifestSchema, type StreamManifest } from '../../../schemas/stream.ts';
import type { Store } from '../../store/store.ts';
import { extractionKeyOfTarget, topicsOf, type StreamTarget } from '../stream-target.ts';

/** Older generations are deleted; this many stay for whoever is reading one. */
const KEPT_GENERATIONS = 64;

/** The newest manifest, or undefined when nothing came by stream yet. */
export async function findStreamManifest(
  store: Store,
  name: string,
  extractionKey: string,
): Promise<StreamManifest | undefined> {
  const newest = (await listGenerations(store, name, extractionKey)).at(-1);
  if (newest === undefined) return undefined;
  const path = storePaths.streamManifest(name, extractionKey, newest);
  const bytes = await store.get(path);
  try {
    return streamManifestSchema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw new ModalmixError('input', 'the stream manifest cannot be read', {
      where: path,
      fix: 'It was written by another version, or damaged. Restore it from a copy.',
      cause: error,
    });
  }
}

/** Generation 0: nothing consumed. It is not stored. */
export function emptyStreamManifest(target: StreamTarget, writer: string): StreamManifest {
  return {
    formatVersion: 1,
    name: target.name,
    extractionKey: extractionKeyOfTarget(target),
    generation: 0,
    writer,
    publishedAt: new Date().toISOString(),
    classNames: [...target.classNames],
    modalities: [...target.extraction.modalities],
    extraction: target.extraction,
    extractorVersion: target.extractorVersion,
    topic: topicsOf(target).features,
    offsets: {},
    shards: [],
    superseded: [],
    counts: { rows: 0, superseded: 0, duplicates: 0, outdated: 0, foreign: 0, deadLetters: 0 },
  };
}

/**
 * Makes `manifest` the newest, in one step.
 * @throws ModalmixError `config` when another sink has published since: this one must stop
 */
export async function publishStreamManifest(store: Store, manifest: StreamManifest): Promise<void> {
  const { name, extractionKey, generation } = manifest;
  const path = storePaths.streamManifest(name, extractionKey, generation);
  const created = await store.create(path, JSON.stringify(streamManifestSchema.parse(manifest)));
  const generations = await listGenerations(store, name, extractionKey);
  // A writer far behind finds its number free again, because old generations are deleted.
  if (!created || (generations.at(-1) ?? 0) > generation) throw fenced(path);
  for (const old of generations.slice(0, -KEPT_GENERATIONS)) {
    await store.delete(storePaths.streamManifest(name, extractionKey, old));
  }
}

async function listGenerations(store: Store, name: string, extractionKey: string): Promise<number[]> {
  const paths = await store.list(storePaths.streamManifests(name, extractionKey));
  return paths
    .map((path) => Number(/(\d+)\.json$/u.exec(path)?.[1] ?? Number.NaN))
    .filter((generation) => !Number.isNaN(generation))
    .sort((a, b) => a - b);
}

function fenced(path: string): ModalmixError {
  return new ModalmixError('config', 'another sink writes this dataset', {
    where: path,
    fix: 'Run one sink a dataset; the one that was started last goes on.',
  });
}
