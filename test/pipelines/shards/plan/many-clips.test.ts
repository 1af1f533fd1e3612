/** A plan of more clips than are kept in memory is the plan that it is in memory, and the one that its rule says. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openPlan, type PlanClip, type PlanLine } from '../../../../pipelines/shards/plan/plan-file.ts';
import { planRebuild } from '../../../../pipelines/shards/plan/plan-rebuild.ts';
import { maxRowsPerShard } from '../../../../pipelines/shards/plan/row-bytes.ts';
import { SourceHashes } from '../../../../pipelines/shards/plan/source-hashes.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import type { Clip } from '../../../../schemas/clip.ts';
import type { ExtractionConfig } from '../../../../schemas/config/extraction-config.ts';
import type { ShardEntry } from '../../../../schemas/manifest.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { indexOf, newFolder, smallExtraction } from '../fixtures.ts';

const FILES = 40;
const CLIPS = 600;
/** Kept in memory; of each part of the remembered hashes, so that their names have three digits. */
const FEW = 25;
const CLIPS_PER_PART = 2;

const folder = newFolder();
const clipsFolder = join(folder, 'clips');
mkdirSync(clipsFolder);
const files = Array.from({ length: FILES }, (_, i) => join(clipsFolder, `${String(i)}.mp4`));
for (const [i, file] of files.entries()) writeFileSync(file, `file ${String(i)}`);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Segments of few files; a file that is missing, and names that JSON and readers of lines could trip over. */
function segments(count: number): Clip[] {
  return Array.from({ length: count }, (_, i) => ({
    clipId: `segment-${String(i)}-ü\u2028"`,
    path: i % 97 === 0 ? join(clipsFolder, 'gone.mp4') : files[i % FILES]!,
    label: i % 2,
    split: i % 10 === 0 ? ('test' as const) : i % 101 === 1 ? ('validation' as const) : ('train' as const),
    group: `file ${String(i % FILES)}`,
    startS: i,
    endS: i + 1,
  }));
}

async function plan(store: Store, clips: readonly Clip[], extraction: ExtractionConfig, heldClips?: number) {
  return await planRebuild({
    ...{ store, name: 'many', index: indexOf(clips), extraction, extractorVersion: 'none/1' },
    ...(heldClips === undefined
      ? {}
      : {
          heldClips,
          hashes: await SourceHashes.open(store, 'many', { clipsPerPart: CLIPS_PER_PART }),
        }),
  });
}

/** By the files of the store: their names have the hash of the body. */
function planFiles(name: string): string[] {
  return readdirSync(join(folder, name, 'datasets', 'many', 'plans')).sort();
}

async function linesOf(store: Store, version: string): Promise<PlanLine[]> {
  const lines: PlanLine[] = [];
  for await (const line of (await openPlan(store, 'many', version)).lines()) lines.push(line);
  return lines;
}

/** As if all shards were there, each but for its first clip. */
async function finish(store: Store, version: string): Promise<void> {
  for (const { split, key, clips } of await linesOf(store, version)) {
    const entry: ShardEntry = {
      ...{ path: storePaths.shard('many', split, key), split, key, rows: 0, bytes: 0, sha256: '' },
      ...{ classCounts: [0, 0], missingCounts: {}, sums: {} },
      quarantined: [{ clipId: clips[0]!.clipId, path: '', split, code: 'made-up', reason: 'for this test' }],
    };
    await store.put(storePaths.shardEntry('many', split, key), JSON.stringify(entry));
  }
}

/** The rule of `cutShards`, said again: the prefixes of the hashes, in bits, of which a shard each is made. */
function cutByRule(clips: readonly PlanClip[], maxRows: number, prefix = ''): string[][] {
  const bits = (clip: PlanClip) =>
    [...createHash('sha256').update(clip.clipId).digest()]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('');
  const members = clips.filter((clip) => bits(clip).startsWith(prefix));
  if (members.length === 0) return [];
  if (members.length <= maxRows) {
    return [members.sort((a, b) => (bits(a) < bits(b) ? -1 : 1)).map(({ clipId }) => clipId)];
  }
  return ['0', '1'].flatMap((bit) => cutByRule(members, maxRows, prefix + bit));
}

test('with scratch files as in memory: shards by the rule, rows taken from earlier shards, nothing left behind', async () => {
  const [inMemory, spilled] = ['memory', 'spilled'].map((name) => openStore(`file:${join(folder, name)}`));
  const extraction = smallExtraction();
  const clips = segments(CLIPS);
  const first = await plan(inMemory!, clips, extraction);
  expect(await plan(spilled!, clips, extraction, FEW)).toEqual(first);
  expect(planFiles('spilled')).toEqual(planFiles('memory'));
  expect(first).toMatchObject({ clips: CLIPS, clipsReused: 0, problems: { count: Math.ceil(CLIPS / 97) } });

  const lines = await linesOf(spilled!, first.version);
  const train = lines.filter(({ split }) => split === 'train');
  expect(train.map((line) => line.clips.map(({ clipId }) => clipId))).toEqual(
    cutByRule(
      train.flatMap((line) => line.clips),
      maxRowsPerShard(extraction),
    ),
  );
  expect(lines.flatMap((line) => line.clips.map(({ clipId }) => clipId)).sort()).toEqual(
    clips.map(({ clipId }) => clipId).sort(),
  );

  // Larger shards, one more clip and a file that was touched: all shards are new, nearly all rows are there.
  for (const store of [inMemory!, spilled!]) await finish(store, first.version);
  const larger = smallExtraction({ shard: { targetMiB: 0.5 } });
  const more = segments(CLIPS + 1);
  writeFileSync(files[3]!, 'another 3');
  utimesSync(files[3]!, 1, 1);
  const second = await plan(inMemory!, more, larger);
  expect(await plan(spilled!, more, larger, FEW)).toEqual(second);
  expect(planFiles('spilled')).toEqual(planFiles('memory'));
  const lost = new Set(lines.map((line) => line.clips[0]!.clipId));
  const shardOf = new Map(
    lines.flatMap(({ key, clips: of }) => of.map(({ clipId }) => [clipId, key] as const)),
  );
  let extracted = 0;
  for (const clip of (await linesOf(spilled!, second.version)).flatMap((line) => line.clips)) {
    const changed = clip.path === files[3];
    const isThere = !changed && !lost.has(clip.clipId) && clip.clipId !== more[CLIPS]!.clipId;
    if (clip.problem !== undefined) continue;
    expect([clip.clipId, clip.reuse?.key]).toEqual([
      clip.clipId,
      isThere ? shardOf.get(clip.clipId) : undefined,
    ]);
    if (!isThere) extracted += 1;
  }
  expect(second.clipsToExtract).toBe(extracted);
  for (const name of ['memory', 'spilled']) {
    const temporary = readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' });
    expect(temporary.filter((path) => path.includes('scratch-'))).toEqual([]);
  }
});
