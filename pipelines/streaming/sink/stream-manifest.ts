/**
 * The stream's manifest: which shards there are and which offsets they cover, told by one file. Generations are
 * created, never replaced, so two sinks cannot both publish the next one: the slower is fenced.
 */
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import {
  storedStreamManifestSchema,
  streamHeadSchema,
  type StoredStreamManifest,
  type StreamHead,
  type StreamManifest,
} from '../../../schemas/stream.ts';
import type { Store } from '../../store/store.ts';
import { getStored } from '../../store/stored-json.ts';
import { headOf, manifestOf } from './manifest-segments.ts';
import { extractionKeyOfTarget, topicsOf, type StreamTarget } from '../stream-target.ts';

/** Older generations are deleted; this many stay for whoever is reading one. */
const KEPT_GENERATIONS = 64;

/** The newest manifest, or undefined when nothing came by stream yet. */
export async function findStreamManifest(
  store: Store,
  name: string,
  extractionKey: string,
): Promise<StreamManifest | undefined> {
  for (let tries = 1; ; tries += 1) {
    const head = await findStreamHead(store, name, extractionKey);
    if (head === undefined) return undefined;
    try {
      return await manifestOf(store, head);
    } catch (error) {
      // Somebody who reads for very long may find that its segments were merged and deleted meanwhile.
      const newest = await newestGeneration(store, name, extractionKey);
      if (newest === head.generation || tries === MOST_TRIES) throw error;
    }
  }
}

/** The newest manifest as it is stored. */
export async function findStreamHead(
  store: Store,
  name: string,
  extractionKey: string,
): Promise<StreamHead | undefined> {
  const newest = await newestGeneration(store, name, extractionKey);
  if (newest === undefined) return undefined;
  const path = storePaths.streamManifest(name, extractionKey, newest);
  return headOfStored(await getStored(store, path, storedStreamManifestSchema));
}

/** Before format 2 all lists stood in the manifest. */
export function headOfStored(stored: StoredStreamManifest): StreamHead {
  return stored.formatVersion === 2 ? stored : { ...stored, formatVersion: 2, segments: [], retired: [] };
}

const MOST_TRIES = 3;

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
 *
 * @param before as it was stored last, where that is known
 * @returns as it is stored now
 * @throws ModalmixError `config` when another sink has published since: this one must stop
 */
export async function publishStreamManifest(
  store: Store,
  manifest: StreamManifest,
  before?: StreamHead,
): Promise<StreamHead> {
  const { name, extractionKey, generation } = manifest;
  const path = storePaths.streamManifest(name, extractionKey, generation);
  const last = before ?? (await findStreamHead(store, name, extractionKey));
  const head = await headOf(store, manifest, last);
  const unread = head.retired.filter((old) => old.generation <= generation - KEPT_GENERATIONS);
  const stored = { ...head, retired: head.retired.filter((old) => !unread.includes(old)) };
  const created = await store.create(path, JSON.stringify(streamHeadSchema.parse(stored)));
  const generations = await listGenerations(store, name, extractionKey);
  // A writer far behind finds its number free again, because old generations are deleted.
  if (!created || (generations.at(-1) ?? 0) > generation) throw fenced(path);
  for (const old of generations.slice(0, -KEPT_GENERATIONS)) {
    await store.delete(storePaths.streamManifest(name, extractionKey, old));
  }
  for (const old of unread) await store.delete(old.path);
  return stored;
}

/** Undefined when nothing is published yet. */
export async function newestGeneration(
  store: Store,
  name: string,
  extractionKey: string,
): Promise<number | undefined> {
  return (await listGenerations(store, name, extractionKey)).at(-1);
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
