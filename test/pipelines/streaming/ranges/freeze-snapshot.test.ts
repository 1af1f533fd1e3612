import { execFileSync } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Message } from 'node-rdkafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Extractor } from '../../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../../pipelines/extraction/ffmpeg/extractor.ts';
import { normalisationOf, sumChannels, addSums } from '../../../../pipelines/shards/native/channel-sums.ts';
import { loadManifest } from '../../../../pipelines/shards/manifest/load-manifest.ts';
import { openShards } from '../../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { encodeFeatureRecord, extractionKeyOf } from '../../../../pipelines/streaming/rows/feature-record.ts';
import { freezeSnapshot } from '../../../../pipelines/streaming/ranges/freeze-snapshot.ts';
import { SILENT_LOG } from '../../../../pipelines/streaming/log.ts';
import { openSinkState } from '../../../../pipelines/streaming/sink/open-sink.ts';
import type { StreamTarget } from '../../../../pipelines/streaming/stream-target.ts';
import { SPLITS, type Clip, type Split } from '../../../../schemas/clip.ts';
import type { ChannelSums, DatasetManifest } from '../../../../schemas/manifest.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import type { StreamManifest } from '../../../../schemas/stream.ts';
import { testPython } from '../../../reference/python.ts';
import { clipOf, makeClip, newFolder, rebuild, smallExtraction } from '../../shards/fixtures.ts';

const folder = newFolder();
const CLASSES = ['even', 'odd'];
const BASE_CLIPS = 14;
const CLIPS = 20;

let extractor: Extractor;
let store: Store;
let clips: Clip[];
let base: DatasetManifest;
let stream: StreamManifest;

interface Sent {
  readonly clip: Clip;
  readonly label?: number;
  readonly split?: Split;
  readonly secondsLater?: number;
}

function targetOf(changes: Partial<StreamTarget> = {}): StreamTarget {
  return {
    name: 'test',
    classNames: CLASSES,
    extraction: smallExtraction(),
    extractorVersion: extractor.version,
    stream: streamConfigSchema.parse({}),
    ...changes,
  };
}

/** What a sink publishes for these records: one list a generation. */
async function publishStream(
  into: Store,
  generations: readonly (readonly Sent[])[],
): Promise<StreamManifest> {
  const target = targetOf();
  const state = await openSinkState({
    ...{ store: into, target, writerId: 'test', log: SILENT_LOG },
    shares: { test: 0.3, validation: 0.2 },
  });
  let offset = 0;
  for (const generation of generations) {
    for (const { clip, label = clip.label, split, secondsLater = 0 } of generation) {
      const record = encodeFeatureRecord({
        clipId: clip.clipId,
        label: CLASSES[label] ?? '',
        ...(split === undefined ? {} : { split }),
        contentHash: clip.clipId.padEnd(64, '0'),
        extractionKey: extractionKeyOf(target.extraction, target.extractorVersion),
        sentAt: new Date(1_700_000_000_000 + 1_000 * secondsLater).toISOString(),
        source: { topic: 'clips', partition: 0, offset },
        features: await extractor.extract(clip, target.extraction),
      });
      const value = Buffer.from(record);
      const message = { value, size: value.length, partition: 0, offset, topic: 'features' } as Message;
      await state.take(message);
      offset += 1;
    }
    await state.publish();
  }
  return state.manifest;
}

async function rowsOf(manifest: DatasetManifest) {
  const found = new Map<string, { split: Split; label: number; audio: Float32Array; shard: string }>();
  for (const split of SPLITS) {
    const set = await openShards({
      ...{ store, manifest, split, modalities: ['audio', 'rgb'] },
    });
    const shards = manifest.shards
      .filter((shard) => shard.split === split)
      .flatMap(({ rows, path }) => new Array<string>(rows).fill(path));
    for (const [row, clipId] of set.clipIds.entries()) {
      expect(found.has(clipId)).toBe(false);
      const { audio } = set.read(row);
      found.set(clipId, {
        split,
        label: set.labels[row] ?? -1,
        audio: (audio?.data as Float32Array).slice(),
        shard: shards[row] ?? '',
      });
    }
    set.close();
  }
  return found;
}

const shardFiles = async () => (await store.list('datasets/test')).filter((path) => path.endsWith('.arrow'));

beforeAll(async () => {
  extractor = await createFfmpegExtractor();
  store = openStore(`file:${join(folder, 'store')}`);
  clips = Array.from({ length: CLIPS }, (_, i) => {
    const clip = clipOf(makeClip(join(folder, `${String(i)}.mp4`), i), i, i % 3 === 0 ? 'test' : 'train');
    return { ...clip, group: undefined };
  }).map(({ group: _group, ...clip }) => clip);
  base = (await rebuild(store, clips.slice(0, BASE_CLIPS), smallExtraction(), extractor)).manifest;
  const corrected = clips[4]!;
  stream = await publishStream(store, [
    clips.slice(BASE_CLIPS, 18).map((clip) => ({ clip, split: clip.split })),
    [
      ...clips.slice(18).map((clip) => ({ clip, split: clip.split })),
      { clip: corrected, label: 1 - corrected.label, split: corrected.split, secondsLater: 5 },
      { clip: clips[14]!, label: 1 - clips[14]!.label, secondsLater: 5 },
    ],
  ]);
}, 300_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("a snapshot has each clip once, the stream's row before the base's, and adds up", async () => {
  const newShards = stream.shards.slice(-2).map(({ entry }) => entry.path);
  const snapshot = await freezeSnapshot({ store, base, stream, newShards });
  expect(await loadManifest(store, 'test', snapshot.version)).toEqual(snapshot);
  expect(snapshot.snapshot).toMatchObject({ baseVersion: base.version, droppedRows: 2 });
  expect(snapshot.snapshot?.newShards).toEqual(newShards);
  expect(snapshot.index.notes.at(-1)).toContain('7 clips came by stream');

  const rows = await rowsOf(snapshot);
  expect([...rows.keys()].sort()).toEqual(clips.map(({ clipId }) => clipId).sort());
  for (const [i, clip] of clips.entries()) {
    const row = rows.get(clip.clipId);
    const isCorrected = i === 4 || i === 14;
    expect(row?.label).toBe(isCorrected ? 1 - clip.label : clip.label);
    expect(row?.split).toBe(clip.split);
    const { audio } = await extractor.extract(clip, smallExtraction());
    expect(row?.audio).toEqual(audio?.data);
  }
  const inNewShards = [...rows].filter(([, { shard }]) => newShards.includes(shard)).map(([id]) => id);
  expect(inNewShards.sort()).toEqual([4, 14, 18, 19].map((i) => clips[i]!.clipId));

  for (const split of SPLITS) {
    const own = [...rows.values()].filter((row) => row.split === split);
    expect(snapshot.splits[split]).toEqual({
      rows: own.length,
      classCounts: [0, 1].map((label) => own.filter((row) => row.label === label).length),
      missingCounts: { audio: 0, rgb: 0 },
    });
  }
  let sums: ChannelSums | undefined;
  for (const row of rows.values()) if (row.split === 'train') sums = addSums(sums, sumChannels(row.audio, 1));
  const expected = normalisationOf(sums!);
  expect(snapshot.normalisation.audio?.mean[0]).toBeCloseTo(expected.mean[0]!, 9);
  expect(snapshot.normalisation.audio?.std[0]).toBeCloseTo(expected.std[0]!, 9);

  const script = fileURLToPath(new URL('../../shards/read_shard.py', import.meta.url));
  const own = snapshot.shards.filter(({ path }) => !base.shards.some((shard) => shard.path === path));
  expect(own.length).toBeGreaterThanOrEqual(3);
  const seen = new Map<string, number>();
  for (const { path, rows: count } of own) {
    const printed = execFileSync(testPython(), [script, await store.localFile(path)]).toString();
    const { rows: read } = JSON.parse(printed) as { rows: { clip_id: string; label: number }[] };
    expect(read).toHaveLength(count);
    for (const { clip_id, label } of read) seen.set(clip_id, label);
  }
  for (const [clipId, label] of seen) expect(rows.get(clipId)?.label).toBe(label);
}, 120_000);

test('freezing again, or after a death in the middle, gives the same bytes and writes nothing twice', async () => {
  const input = { store, base, stream, newShards: [] };
  const { version } = await freezeSnapshot(input);
  const path = storePaths.manifest('test', version);
  const bytes = await store.get(path);
  const files = await Promise.all((await shardFiles()).map(async (file) => await store.localFile(file)));
  const times = files.map((file) => statSync(file).mtimeMs);
  await freezeSnapshot(input);
  expect(await store.get(path)).toEqual(bytes);
  expect(files.map((file) => statSync(file).mtimeMs)).toEqual(times);

  const manifest = await loadManifest(store, 'test', version);
  const known = [...base.shards, ...stream.shards.map(({ entry }) => entry)].map((entry) => entry.path);
  const rewritten = manifest.shards.filter((entry) => !known.includes(entry.path));
  expect(rewritten).toHaveLength(2);
  // As after a death: one of them has a file and no entry, the other nothing, and there is no manifest.
  await store.delete(path);
  for (const { path: shard } of rewritten) await store.delete(shard.replace(/arrow$/u, 'json'));
  await store.delete(rewritten[0]!.path);
  await freezeSnapshot(input);
  expect(await store.get(path)).toEqual(bytes);
  for (const entry of rewritten) {
    const set = await openShards({
      ...{ store, manifest: { ...manifest, shards: [entry] }, split: entry.split },
      modalities: ['audio'],
    });
    expect(set.rows).toBe(entry.rows);
    set.close();
  }
}, 60_000);

test('a base of other classes or another extraction is refused', async () => {
  const freeze = async (other: Partial<DatasetManifest>) =>
    await freezeSnapshot({ store, base: { ...base, ...other }, stream, newShards: [] });
  await expect(freeze({ classNames: ['odd', 'even'] })).rejects.toMatchObject({
    kind: 'config',
    message: expect.stringContaining("classes: odd, even; the stream's: even, odd") as string,
  });
  await expect(freeze({ extractorVersion: 'another' })).rejects.toMatchObject({ kind: 'config' });
  await expect(freeze({ modalities: ['audio'] })).rejects.toMatchObject({ kind: 'config' });
});
