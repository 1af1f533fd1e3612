/**
 * The lists of a stream's manifest in pieces: a publication writes what is new, not all there ever was. What is new
 * stands in the manifest itself; when that is much, it becomes a segment, and segments become larger ones, each entry
 * a few times in a stream's life.
 */
import { createHash } from 'node:crypto';
import { ModalmixError } from '../../../schemas/errors.ts';
import { storePaths } from '../../../schemas/names.ts';
import {
  streamSegmentSchema,
  type StreamHead,
  type StreamManifest,
  type StreamSegment,
} from '../../../schemas/stream.ts';
import type { Store } from '../../store/store.ts';
import { parseStored } from '../../store/stored-json.ts';

/** Entries that stand in the manifest itself, at most. */
const TAIL_ENTRIES = 64;
/** Segments of one level, at most. */
const FAN = 8;

type SegmentReference = StreamHead['segments'][number];
type Lists = Omit<StreamSegment, 'formatVersion'>;

/**
 * Writes the segments that the manifest needs and has not yet.
 *
 * @param before as it was stored last; undefined: nothing was, or nothing that this continues
 * @returns what is to be stored as the manifest
 */
export async function headOf(
  store: Store,
  manifest: StreamManifest,
  before: StreamHead | undefined,
): Promise<StreamHead> {
  const continues = before !== undefined && isContinued(before, manifest);
  const kept = continues ? before.segments : [];
  const tail = behind(manifest, kept);
  const segments = [...kept];
  if (entriesIn(tail) > TAIL_ENTRIES) {
    segments.push({ ...countsOf(tail), level: 0, path: '', sha256: '' });
    mergeLevels(segments);
  }
  const written = await Promise.all(
    segments.map(async (segment, place) =>
      segment.path === '' ? await write(store, manifest, segments, place) : segment,
    ),
  );
  const named = new Set(written.map(({ path }) => path));
  const gone = (before?.segments ?? []).filter(({ path }) => !named.has(path));
  return {
    ...manifest,
    ...behind(manifest, written),
    formatVersion: 2,
    segments: written,
    retired: [
      ...(before?.retired ?? []).filter(({ path }) => !named.has(path)),
      ...gone.map(({ path }) => ({ path, generation: manifest.generation })),
    ],
  };
}

/** @throws ModalmixError `input` when a segment is damaged or missing */
export async function manifestOf(store: Store, head: StreamHead): Promise<StreamManifest> {
  const { segments, retired: _, ...own } = head;
  const parts: readonly Lists[] = [
    ...(await Promise.all(segments.map(async (segment) => await read(store, segment)))),
    { ...own, confirmed: own.confirmed ?? [] },
  ];
  return {
    ...own,
    formatVersion: 1,
    shards: parts.flatMap(({ shards }) => shards),
    superseded: parts.flatMap(({ superseded }) => superseded),
    confirmed: parts.flatMap(({ confirmed }) => confirmed),
  };
}

/** Whether all that the segments hold stands at the beginning of the manifest's lists. */
function isContinued(
  { segments }: StreamHead,
  { shards, superseded, confirmed = [] }: StreamManifest,
): boolean {
  const sums = { shards: 0, superseded: 0, confirmed: 0 };
  for (const segment of segments) {
    sums.shards += segment.shards;
    sums.superseded += segment.superseded;
    sums.confirmed += segment.confirmed;
    const last = segment.shards === 0 ? undefined : shards[sums.shards - 1]?.entry.path;
    if (last !== segment.lastShard) return false;
  }
  return sums.superseded <= superseded.length && sums.confirmed <= confirmed.length;
}

/** The lists' entries that no segment has. */
function behind(manifest: StreamManifest, segments: readonly SegmentReference[]): Lists {
  return slice(manifest, segments, segments.length);
}

/** The entries of the segment at `place`, or of what follows the last one. */
function slice(
  { shards, superseded, confirmed = [] }: StreamManifest,
  segments: readonly SegmentReference[],
  place: number,
): Lists {
  const cut = <T>(list: readonly T[], name: 'shards' | 'superseded' | 'confirmed'): T[] => {
    const from = segments.slice(0, place).reduce((sum, segment) => sum + segment[name], 0);
    const count = segments[place]?.[name];
    return list.slice(from, count === undefined ? undefined : from + count);
  };
  return {
    shards: cut(shards, 'shards'),
    superseded: cut(superseded, 'superseded'),
    confirmed: cut(confirmed, 'confirmed'),
  };
}

/** The last ones of a level become one of the next, as long as there are too many of it. */
function mergeLevels(segments: SegmentReference[]): void {
  for (;;) {
    const level = segments.at(-1)?.level ?? 0;
    const first = segments.findIndex((segment) => segment.level === level);
    const same = segments.slice(first);
    if (same.length < FAN) return;
    const sum = (name: 'shards' | 'superseded' | 'confirmed') =>
      same.reduce((total, segment) => total + segment[name], 0);
    const counts = { shards: sum('shards'), superseded: sum('superseded'), confirmed: sum('confirmed') };
    segments.splice(first, same.length, { ...counts, level: level + 1, path: '', sha256: '' });
  }
}

async function write(
  store: Store,
  manifest: StreamManifest,
  segments: readonly SegmentReference[],
  place: number,
): Promise<SegmentReference> {
  const lists = slice(manifest, segments, place);
  const text = JSON.stringify({ formatVersion: 1, ...lists } satisfies StreamSegment);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const path = storePaths.streamSegment(manifest.name, manifest.extractionKey, sha256);
  await store.put(path, text);
  const lastShard = lists.shards.at(-1)?.entry.path;
  return {
    ...countsOf(lists),
    ...{ level: segments[place]?.level ?? 0, path, sha256 },
    ...(lastShard === undefined ? {} : { lastShard }),
  };
}

function countsOf({ shards, superseded, confirmed }: Lists) {
  return { shards: shards.length, superseded: superseded.length, confirmed: confirmed.length };
}

function entriesIn(lists: Lists): number {
  return lists.shards.length + lists.superseded.length + lists.confirmed.length;
}

/** Segments never change: who looks at a stream all the time reads each once. */
const cache = new Map<string, Lists>();
const MOST_CACHED = 64;

async function read(store: Store, { path, sha256 }: SegmentReference): Promise<Lists> {
  const key = `${store.uri}/${path}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const bytes = await store.get(path);
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw new ModalmixError(
      'input',
      'a segment of the stream manifest is damaged: its bytes have another SHA-256',
      {
        where: key,
        fix: 'Restore it from a copy of the store.',
      },
    );
  }
  const lists = parseStored(bytes, streamSegmentSchema, key);
  for (const oldest of [...cache.keys()].slice(0, Math.max(0, cache.size - MOST_CACHED + 1)))
    cache.delete(oldest);
  cache.set(key, lists);
  return lists;
}
