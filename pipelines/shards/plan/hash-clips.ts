/** A plan's clips out of an index's: with the hashes of the files that their rows are made of. */
import { join } from 'node:path';
import { usableCores } from '../../process/machine/machine.ts';
import type { Clip, Split } from '../../../schemas/clip.ts';
import type { ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { ActivityProgress } from '../../../schemas/progress.ts';
import type { ClipStream } from '../../datasets/clip-stream.ts';
import { Recent } from '../../datasets/recent.ts';
import { Spill } from '../../store/spill.ts';
import { clipSources } from './clip-sources.ts';
import { partOf } from './hash-parts.ts';
import type { PlanClip } from './plan-file.ts';
import { combineHashes, NO_STAMP, type HashPart, type SourceHashes, type Stamp } from './source-hashes.ts';

export interface HashClipsInput {
  readonly clips: ClipStream;
  readonly hashes: SourceHashes;
  readonly extraction: ExtractionConfig;
  /** A local folder that the caller deletes. */
  readonly scratch: string;
  readonly onProgress?: (progress: ActivityProgress) => void;
  readonly signal?: AbortSignal;
  readonly dryRun?: boolean;
}

const HASHES_AT_A_TIME = 2 * usableCores();
const SAVE_EVERY_MS = 120_000;
const PROGRESS_EVERY_MS = 500;
/** Clips are parted by at most so many digits of their path's hash, for which a file each is open. */
const SPILLED_DIGITS = 2;
const HEXADECIMAL = 16;

/**
 * Part by part of the remembered hashes, each clip with the part of its path: a file is read at most once, and not again while
 * unchanged (a separate sound of clips in several parts once a part). Parts that are done are remembered, whatever comes after.
 *
 * @param take is given each clip, in any order
 * @returns `saved`: done when the hashes are remembered for the next time, which the plan need not wait for
 * @throws ModalmixError `cancelled` on the signal
 */
export async function hashClips(
  input: HashClipsInput,
  take: (clip: PlanClip, split: Split) => void,
): Promise<{ readonly saved: Promise<void> }> {
  const { hashes, extraction, onProgress, signal } = input;
  const total = input.clips.count;
  let done = 0;
  let savedAt = performance.now();
  let reportedAt = 0;
  const hashBlock = async (part: HashPart, block: readonly Clip[]): Promise<void> => {
    const planned = new Array<PlanClip>(block.length);
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < block.length) {
        if (signal?.aborted === true) throw new ModalmixError('cancelled', 'planning was asked to stop');
        const i = next;
        next += 1;
        planned[i] = await planClip(part, block[i]!, extraction);
        done += 1;
        const now = performance.now();
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
    for (const [i, clip] of planned.entries()) take(clip, block[i]!.split);
  };
  const save = async (part: HashPart) => {
    if (input.dryRun !== true) await part.save();
  };
  let saved = Promise.resolve();
  for await (const { name, blocks } of clipsByPart(input, hashes.digits(total))) {
    const part = await hashes.part(name);
    try {
      for await (const block of blocks) await hashBlock(part, block);
    } catch (error) {
      await save(part);
      throw error;
    }
    // One part is written while the next one is hashed, and no more are held.
    await saved;
    saved = save(part).then(() => {
      hashes.done(name);
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
  return { saved };
}

interface ClipsOfPart {
  /** Of the part that remembers these clips' files. */
  readonly name: string;
  readonly blocks: AsyncIterable<readonly Clip[]> | Iterable<readonly Clip[]>;
}

/** By the parts' names, in order; parts without a clip are left out. */
async function* clipsByPart(
  { clips, scratch }: Pick<HashClipsInput, 'clips' | 'scratch'>,
  digits: number,
): AsyncGenerator<ClipsOfPart> {
  if (digits === 0) {
    yield { name: '', blocks: clips.blocks() };
    return;
  }
  const spilledDigits = Math.min(digits, SPILLED_DIGITS);
  const spill = new Spill<Clip>(join(scratch, 'by-path'), HEXADECIMAL ** spilledDigits);
  const parts = new Recent((path) => parseInt(partOf(path, spilledDigits), HEXADECIMAL));
  try {
    for await (const block of clips.blocks()) {
      for (const clip of block) spill.add(parts.get(clip.path), clip);
    }
    for (let at = 0; at < spill.parts; at += 1) {
      if (spill.counts[at] === 0) continue;
      if (digits === spilledDigits) {
        yield { name: at.toString(HEXADECIMAL).padStart(digits, '0'), blocks: spill.read(at) };
      } else {
        for (const [name, members] of inParts(await spill.all(at), digits)) yield { name, blocks: [members] };
      }
      await spill.drop(at);
    }
  } finally {
    spill.end();
  }
}

function inParts(clips: readonly Clip[], digits: number): [string, Clip[]][] {
  const parts = new Map<string, Clip[]>();
  for (const clip of clips) {
    const name = partOf(clip.path, digits);
    const members = parts.get(name);
    if (members === undefined) parts.set(name, [clip]);
    else members.push(clip);
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
