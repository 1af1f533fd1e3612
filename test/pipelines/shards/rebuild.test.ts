import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Clip } from '../../../schemas/clip.ts';
import type { ExtractedClip, Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { buildShard } from '../../../pipelines/shards/write/build-shard.ts';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { planRebuild } from '../../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../../pipelines/shards/publish-manifest.ts';
import { openShards } from '../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { storePaths } from '../../../schemas/names.ts';
import { clipOf, indexOf, makeClip, newFolder, rebuild, smallExtraction } from './fixtures.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = newFolder();
let real: Extractor;
let clips: Clip[];
let stores = 0;

/** The real extractor, which decodes the same clip for the same config once in this file. */
const results = new Map<string, Promise<ExtractedClip>>();
const remembered: Extractor = {
  get version() {
    return real.version;
  },
  extract: async (clip, config, signal) => {
    const key = JSON.stringify([clip.path, config]);
    let result = results.get(key);
    if (result === undefined) {
      result = real.extract(clip, config, signal);
      results.set(key, result);
      result.catch(() => results.delete(key));
    }
    return await result;
  },
};

/** The real extractor, noting what it was asked for. */
function watched(): Extractor & { readonly asked: string[]; readonly results: Map<string, ExtractedClip> } {
  const asked: string[] = [];
  const results = new Map<string, ExtractedClip>();
  return {
    version: real.version,
    asked,
    results,
    extract: async (clip, config, signal) => {
      asked.push(clip.clipId);
      const result = await remembered.extract(clip, config, signal);
      results.set(clip.clipId, result);
      return result;
    },
  };
}

function newStore(): Store {
  stores += 1;
  return openStore(`file:${join(folder, `store-${String(stores)}`)}`);
}

const shardHashes = (manifest: { shards: readonly { key: string; sha256: string }[] }) =>
  manifest.shards.map(({ key, sha256 }) => [key, sha256]);

beforeAll(async () => {
  real = await createFfmpegExtractor();
  clips = Array.from({ length: 29 }, (_, i) =>
    clipOf(makeClip(join(folder, `${String(i)}.mp4`), i), i, i < 20 ? 'train' : i < 24 ? 'test' : 'train'),
  );
}, 180_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('a rebuild', () => {
  test('gives the same bytes in two stores, and does nothing the second time', async () => {
    const extractor = watched();
    const first = await rebuild(newStore(), clips, smallExtraction(), real);
    const store = newStore();
    const second = await rebuild(store, clips, smallExtraction(), extractor);
    expect(second.manifest).toEqual(first.manifest);
    expect(second.manifest.splits.train.rows + second.manifest.splits.test.rows).toBe(29);
    expect(await loadManifest(store, 'test', second.plan.version)).toEqual(second.manifest);
    expect(extractor.asked).toHaveLength(29);

    const again = await rebuild(store, clips, smallExtraction(), extractor);
    expect(again.plan.shardsToBuild).toEqual([]);
    expect(again.manifest).toEqual(second.manifest);
    expect(extractor.asked).toHaveLength(29);
  });

  test('after adding five clips extracts only these and leaves the other shards untouched', async () => {
    const store = newStore();
    const before = await rebuild(store, clips.slice(0, 24), smallExtraction(), remembered);
    const stamps = new Map<string, number>();
    for (const { path } of before.manifest.shards)
      stamps.set(path, statSync(await store.localFile(path)).mtimeMs);
    const extractor = watched();
    const after = await rebuild(store, clips, smallExtraction(), extractor);
    expect([...extractor.asked].sort()).toEqual(clips.slice(24).map(({ clipId }) => clipId));
    const gone = before.manifest.shards.filter(
      ({ path }) => !after.manifest.shards.some((s) => s.path === path),
    );
    expect(gone.length).toBeLessThanOrEqual(5);
    const kept = after.manifest.shards.filter(({ path }) => stamps.has(path));
    expect(kept.length).toBeGreaterThan(0);
    for (const { path } of kept) expect(statSync(await store.localFile(path)).mtimeMs).toBe(stamps.get(path));
    const fromNothing = await rebuild(newStore(), clips, smallExtraction(), remembered);
    expect(shardHashes(after.manifest)).toEqual(shardHashes(fromNothing.manifest));
    expect(after.manifest.normalisation).toEqual(fromNothing.manifest.normalisation);
  });

  test('killed between a shard and its entry, or with a shard cut short, ends with the same bytes', async () => {
    const store = newStore();
    const { plan, manifest } = await rebuild(store, clips, smallExtraction(), remembered);
    const [a, b] = manifest.shards;
    if (a === undefined || b === undefined) throw new Error('two shards are needed');
    await store.delete(storePaths.shardEntry('test', a.split, a.key));
    truncateSync(await store.localFile(b.path), 100);
    await expect(publishManifest({ store, name: 'test', version: plan.version })).rejects.toThrow(
      /not built/u,
    );
    const again = await rebuild(store, clips, smallExtraction(), remembered);
    expect(again.plan.shardsToBuild).toEqual([0, 1]);
    expect(again.manifest).toEqual(manifest);
  });

  test('quarantines what cannot be used, with its reason, and goes on', async () => {
    const write = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const bad = [
      clipOf(write('empty.mp4', ''), 100, 'train'),
      clipOf(write('text.mp4', 'not a video\n'.repeat(50)), 101, 'train'),
      clipOf(join(folder, 'nowhere.mp4'), 102, 'test'),
    ];
    const store = newStore();
    const { manifest, plan } = await rebuild(
      store,
      [...clips.slice(0, 24), ...bad],
      smallExtraction(),
      remembered,
    );
    const codes = Object.fromEntries(manifest.quarantine.map(({ clipId, code }) => [clipId, code]));
    expect(codes).toEqual({ 'clip-100': 'empty', 'clip-101': 'unreadable', 'clip-102': 'missing-file' });
    expect(manifest.splits.train.rows).toBe(20);
    const listed = (await store.get(storePaths.quarantine('test', plan.version)))
      .toString()
      .trim()
      .split('\n');
    expect(listed.map((line) => JSON.parse(line) as unknown)).toEqual(manifest.quarantine);
  });

  test('refuses a split of which nothing is left, naming it and the reason', async () => {
    writeFileSync(join(folder, 'hollow.mp4'), '');
    const hollow = clipOf(join(folder, 'hollow.mp4'), 110, 'test');
    await expect(
      rebuild(newStore(), [...clips.slice(0, 4), hollow], smallExtraction(), remembered),
    ).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringMatching(/test split is empty.*clip-110: the file is empty/u) as string,
    });
  });

  test('asks for the extractor that the plan was made for, and refuses another', async () => {
    const store = newStore();
    const input = { store, name: 'test', index: indexOf(clips), extraction: smallExtraction() };
    const plan = await planRebuild({ ...input, extractorVersion: 'another/1' });
    const asked: string[] = [];
    const extractor = async (version: string) => {
      asked.push(version);
      return await Promise.resolve(real);
    };
    await expect(
      buildShard({ store, name: 'test', version: plan.version, shardIndex: 0, extractor }),
    ).rejects.toMatchObject({
      kind: 'dependency',
      message: expect.stringContaining('another/1') as string,
    });
    expect(asked).toEqual(['another/1']);
  });

  test('stops when asked, and can be taken up again', async () => {
    const store = newStore();
    const extraction = smallExtraction();
    const plan = await planRebuild({
      store,
      name: 'test',
      index: indexOf(clips),
      extraction,
      extractorVersion: real.version,
    });
    const stop = new AbortController();
    const running = buildShard({
      store,
      name: 'test',
      version: plan.version,
      shardIndex: 0,
      extractor: real,
      signal: stop.signal,
    });
    stop.abort();
    await expect(running).rejects.toMatchObject({ kind: 'cancelled' });
    const { manifest } = await rebuild(store, clips, extraction, remembered);
    expect(manifest.splits.train.rows).toBe(25);
  });
});

describe('the reader', () => {
  test.each(['float32', 'float16'] as const)('gives the rows that were written (%s)', async (storage) => {
    const extraction = smallExtraction({
      modalities: ['audio', 'rgb', 'flow'],
      audio: { sampleRateHz: 8000, nFft: 128, hop: 400, durationS: 1, storage },
    });
    const extractor = watched();
    const store = newStore();
    const { manifest } = await rebuild(store, clips.slice(10, 24), extraction, extractor);
    const set = await openShards({
      store,
      manifest,
      split: 'train',
      modalities: ['audio', 'rgb', 'flow'],
    });
    try {
      expect(set.rows).toBe(10);
      for (let row = 0; row < set.rows; row += 1) {
        const { audio, rgb, flow } = set.read(row);
        const wanted = extractor.results.get(set.clipIds[row] ?? '');
        const clip = clips.find(({ clipId }) => clipId === set.clipIds[row]);
        expect(set.labels[row]).toBe(clip?.label);
        expect(set.groups[row]).toBe(clip?.group);
        expect(set.missing[row]).toBe(0);
        expect(rgb).toEqual(wanted?.rgb);
        expect(flow).toEqual(wanted?.flow);
        expect(audio?.shape).toEqual([65, 21]);
        if (storage === 'float32') expect(audio?.data).toEqual(wanted?.audio?.data);
        else {
          const worst = audio?.data.reduce((most, value, i) => {
            const exact = wanted?.audio?.data[i] ?? NaN;
            return Math.max(most, Math.abs(value - exact) / (Math.abs(exact) + 1e-3));
          }, 0);
          expect(worst).toBeLessThanOrEqual(2 ** -11);
        }
      }
    } finally {
      set.close();
    }
  });

  test('names a damaged shard, what it should be and what it is', async () => {
    const store = newStore();
    const { manifest } = await rebuild(store, clips.slice(10, 24), smallExtraction(), remembered);
    const shard = manifest.shards.find(({ split }) => split === 'train');
    const file = await store.localFile(shard?.path ?? '');
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await expect(openShards({ store, manifest, split: 'train', modalities: ['rgb'] })).rejects.toMatchObject({
      kind: 'input',
      where: file,
      message: expect.stringContaining(shard?.sha256 ?? '?') as string,
    });
  });
});
