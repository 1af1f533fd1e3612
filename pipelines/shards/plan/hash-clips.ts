/** A plan's clips out of an index's: with the hashes of the files that their rows are made of. */
import { usableCores } from '../../process/machine/machine.ts';
import type { Clip, DatasetIndex } from '../../../schemas/clip.ts';
import type { ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { Store } from '../../store/store.ts';
import { clipSources } from './clip-sources.ts';
import { partOf } from './hash-parts.ts';
import type { PlanClip } from './plan-file.ts';
import { combineHashes, NO_STAMP, SourceHashes, type HashPart, type Stamp } from './source-hashes.ts';

export interface HashClipsInput {
  readonly store: Store;
  readonly name: string;
  readonly index: Pick<DatasetIndex, 'clips'>;
  readonly extraction: ExtractionConfig;
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal?: AbortSignal;
  readonly dryRun?: boolean;
  readonly hashes?: SourceHashes;
}

export interface HashedClips {
  /** In the index's order. */
  readonly clips: readonly PlanClip[];
  /** Done when the hashes are remembered for the next time, which the plan need not wait for. */
  readonly saved: Promise<void>;
}

const HASHES_AT_A_TIME = 2 * usableCores();
const SAVE_EVERY_MS = 120_000;
const PROGRESS_EVERY_MS = 500;

/**
 * Part by part of the remembered hashes, each clip with the part of its path: a file is read at most once, and not again while
 * unchanged (a separate sound of clips in several parts once a part). Parts that are done are remembered, whatever comes after.
 *
 * @throws ModalmixError `cancelled` on the signal
 */
export async function hashClips(input: HashClipsInput): Promise<HashedClips> {
  const { store, name, index, extraction, onProgress, signal } = input;
  const hashes = input.hashes ?? (await SourceHashes.open(store, name));
  const total = index.clips.length;
  const parts = partPlaces(index.clips, hashes.digits(total));
  const planned: PlanClip[] = new Array<PlanClip>(total);
  let done = 0;
  let savedAt = Date.now();
  let reportedAt = 0;
  const hashPart = async (part: HashPart, places: readonly number[]): Promise<void> => {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < places.length) {
        if (signal?.aborted === true) throw new ModalmixError('cancelled', 'planning was asked to stop');
        const i = places[next]!;
        next += 1;
        planned[i] = await planClip(part, index.clips[i]!, extraction);
        done += 1;
        const now = Date.now();
        if (now - reportedAt >= PROGRESS_EVERY_MS || done === total) {
          reportedAt = now;
          onProgress?.({ done, total });
        }
        if (now - savedAt >= SAVE_EVERY_MS) {
          savedAt = now;
          await save(part);
        }
      }
    };
    await Promise.all(Array.from({ length: HASHES_AT_A_TIME }, work));
  };
  const save = async (part: HashPart) => {
    if (input.dryRun !== true) await part.save();
  };
  let saved = Promise.resolve();
  for (const [partName, places] of parts) {
    const part = await hashes.part(partName);
    try {
      await hashPart(part, places);
    } catch (error) {
      await save(part);
      throw error;
    }
    // One part is written while the next one is hashed, and no more are held.
    await saved;
    saved = save(part).then(() => {
      hashes.done(partName);
    });
    // Told to whoever awaits it; until then it must not count as unhandled.
    saved.catch(() => undefined);
  }
  if (input.dryRun !== true) {
    saved = saved.then(async () => {
      await hashes.retire();
    });
    saved.catch(() => undefined);
  }
  return { clips: planned, saved };
}

/** Places of clips by the part that remembers their files; parts by name. */
function partPlaces(clips: readonly Clip[], digits: number): [string, number[]][] {
  const parts = new Map<string, number[]>();
  for (const [i, { path }] of clips.entries()) {
    const part = partOf(path, digits);
    const places = parts.get(part);
    if (places === undefined) parts.set(part, [i]);
    else places.push(i);
  }
  return [...parts].sort(([one], [other]) => (one < other ? -1 : 1));
}

async function planClip(hashes: HashPart, clip: Clip, extraction: ExtractionConfig): Promise<PlanClip> {
  const { split: _split, ...rest } = clip;
  const maxBytes = extraction.limits.clipMaxMiB * 2 ** 20;
  const facts = await Promise.all(
    clipSources(clip, extraction).map(async ({ path, role }) => ({
      ...{ path, role },
      found: await hashes.hash(path, maxBytes),
    })),
  );
  const parts: string[] = [];
  const stamps: Stamp[] = [];
  for (const { path, role, found } of facts) {
    if (!('problem' in found)) {
      parts.push(role.kind === 'features' ? `${role.name} ${found.sha256}` : found.sha256);
      stamps.push(found.stamp);
      continue;
    }
    const { code, reason } = found.problem;
    if (role.kind === 'media') return { ...rest, sourceSha256: '', stamps: [], problem: { code, reason } };
    if (role.kind === 'features') {
      return { ...rest, sourceSha256: '', stamps: [], problem: { code, reason: `${path}: ${reason}` } };
    }
    // A separate audio file that cannot be used costs the clip its audio, not its pictures.
    parts.push(code);
    stamps.push(NO_STAMP);
  }
  if (parts.length === 0) {
    const reason = 'it has none of the features that are asked for';
    return { ...rest, sourceSha256: '', stamps: [], problem: { code: 'no-streams', reason } };
  }
  return { ...rest, sourceSha256: combineHashes(parts), stamps };
}
