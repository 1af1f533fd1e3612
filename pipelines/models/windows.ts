/**
 * Windows of new clips: when the open one closes, and what it then holds. A window ends with a publication of
 * the sink; the stream's manifest of that moment is copied, so later publications do not change it. Numbers
 * have no gaps and each file is created once: nothing is in two windows, nothing in none.
 */
import {
  retrainWindowSchema,
  windowOpeningSchema,
  windowOutcomeSchema,
  type RetrainWindow,
  type WindowOutcome,
} from '../../schemas/retrain.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { RetrainConfig } from '../../schemas/config/retrain-config.ts';
import { streamManifestSchema, type StreamCounts, type StreamManifest } from '../../schemas/stream.ts';
import type { Store } from '../store/store.ts';
import { findStored } from '../store/stored-json.ts';
import { findStreamManifest } from '../streaming/sink/stream-manifest.ts';
import { createRecord, listRecords } from './records.ts';

export interface OpenWindow {
  readonly number: number;
  /** New clips that count. */
  readonly clips: number;
  /** Absent while it is empty. */
  readonly openedAt?: Date;
}

export interface LookInput {
  readonly store: Store;
  readonly model: string;
  /** The dataset's name and the way of extracting it: which stream feeds the model. */
  readonly dataset: string;
  readonly extractionKey: string;
  readonly window: RetrainConfig['window'];
  /** Closes it with what is there. */
  readonly closeNow: boolean;
  readonly now: Date;
}

const MS_PER_MINUTE = 60_000;
const NO_COUNTS: StreamCounts = {
  ...{ rows: 0, superseded: 0, duplicates: 0, outdated: 0, foreign: 0, deadLetters: 0 },
};

/**
 * Looks at window `number`, and closes it when it is full, due or told to. Asked again about a closed one,
 * it gives the same.
 *
 * @returns the closed window, or what the open one holds so far
 */
export async function lookAtWindow(number: number, input: LookInput): Promise<RetrainWindow | OpenWindow> {
  const { store, model, window, now } = input;
  const closed = await findWindow(store, model, number);
  if (closed !== undefined) return closed;
  const before = number === 1 ? undefined : await requireWindow(store, model, number - 1);
  const stream = await findStreamManifest(store, input.dataset, input.extractionKey);
  const fresh = newSince(stream, await shardsBefore(store, before));
  if (stream === undefined || fresh.clips === 0) return { number, clips: 0 };

  const openedAt = await openingOf(store, model, number, now);
  const full = fresh.clips >= window.clips;
  const due = now.getTime() - openedAt.getTime() >= window.minutes * MS_PER_MINUTE;
  if (!full && !due && !input.closeNow) return { number, clips: fresh.clips, openedAt };

  const manifest = storePaths.retrainWindowManifest(model, number, stream.generation);
  await store.put(manifest, JSON.stringify(stream));
  const made: RetrainWindow = {
    formatVersion: 1,
    model,
    number,
    reason: full ? 'clips' : due ? 'time' : 'asked',
    openedAt: openedAt.toISOString(),
    closedAt: now.toISOString(),
    dataset: input.dataset,
    extractionKey: input.extractionKey,
    from: before?.to ?? { generation: 0, counts: NO_COUNTS },
    to: { generation: stream.generation, counts: stream.counts, shards: stream.shards.length },
    newShards: fresh.shards,
    newClips: fresh.clips,
    manifest,
  };
  await createRecord(store, storePaths.retrainWindow(model, number), made);
  // Whoever was first decides.
  return await requireWindow(store, model, number);
}

/** All closed windows, in order; one that is not done with has no outcome. */
export async function listWindows(store: Store, model: string): Promise<RetrainWindow[]> {
  return await listRecords(store, storePaths.retrainWindows(model), retrainWindowSchema);
}

/** @throws ModalmixError `input` when it is not closed yet or cannot be read */
export async function requireWindow(store: Store, model: string, number: number): Promise<RetrainWindow> {
  const window = await findWindow(store, model, number);
  if (window !== undefined) return window;
  throw new ModalmixError('input', `window ${String(number)} is not closed`, {
    where: storePaths.retrainWindow(model, number),
    fix: 'See the ones there are: modalmix models show.',
  });
}

/** The stream's manifest as it was when the window closed. */
export async function readWindowManifest(store: Store, window: RetrainWindow): Promise<StreamManifest> {
  const found = await findStored(store, window.manifest, streamManifestSchema);
  if (found !== undefined) return found;
  throw new ModalmixError('input', `window ${String(window.number)} has lost its stream manifest`, {
    where: window.manifest,
    fix: 'Restore it from a copy of the store.',
  });
}

export async function findOutcome(
  store: Store,
  model: string,
  window: number,
): Promise<WindowOutcome | undefined> {
  return await findStored(store, storePaths.retrainWindowOutcome(model, window), windowOutcomeSchema);
}

async function findWindow(store: Store, model: string, number: number): Promise<RetrainWindow | undefined> {
  return await findStored(store, storePaths.retrainWindow(model, number), retrainWindowSchema);
}

async function openingOf(store: Store, model: string, number: number, now: Date): Promise<Date> {
  const path = storePaths.retrainWindowOpening(model, number);
  await createRecord(store, path, { openedAt: now.toISOString() });
  const opening = await findStored(store, path, windowOpeningSchema);
  return opening === undefined ? now : new Date(opening.openedAt);
}

/** How many of the stream's shards earlier windows had: its list only grows. */
async function shardsBefore(store: Store, window: RetrainWindow | undefined): Promise<number> {
  if (window === undefined) return 0;
  return window.to.shards ?? (await readWindowManifest(store, window)).shards.length;
}

/** Shards that came behind the first `known` ones, and their rows that count. */
function newSince(
  stream: StreamManifest | undefined,
  known: number,
): { readonly shards: string[]; readonly clips: number } {
  const fresh = (stream?.shards ?? []).slice(known).map(({ entry }) => entry);
  const paths = new Set(fresh.map(({ path }) => path));
  const gone = stream?.superseded.filter(({ shard }) => paths.has(shard)).length ?? 0;
  return { shards: [...paths], clips: fresh.reduce((rows, entry) => rows + entry.rows, 0) - gone };
}
