import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { openShards } from '../../../pipelines/shards/read/shard-reader.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { testPython } from '../../reference/python.ts';
import { clipOf, ffmpeg, makeClip, newFolder, rebuild, smallExtraction } from './fixtures.ts';

const folder = newFolder();

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Seen {
  readonly rows: readonly {
    readonly clip_id: string;
    readonly label: number;
    readonly group: string | null;
    readonly missing: number;
    readonly audio_sum: number | null;
    readonly rgb_sum: number | null;
    readonly rgb_shape: readonly number[] | null;
  }[];
  readonly duckdb: readonly (readonly number[])[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly shape: string;
}

test('pyarrow and DuckDB open a shard and see what our reader sees', { timeout: 120_000 }, async () => {
  const store = openStore(`file:${join(folder, 'store')}`);
  ffmpeg('-f', 'lavfi', '-i', 'sine=300:duration=1', join(folder, 'blind.wav'));
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=10:duration=1', join(folder, 'mute.mp4'));
  const clips = [
    clipOf(makeClip(join(folder, '0.mp4'), 0), 0, 'train'),
    clipOf(join(folder, 'blind.wav'), 1, 'train'),
    clipOf(join(folder, 'mute.mp4'), 2, 'train'),
    clipOf(makeClip(join(folder, '3.mp4'), 3), 3, 'test'),
  ];
  const { manifest } = await rebuild(store, clips, smallExtraction(), await createFfmpegExtractor());
  const shard = manifest.shards.find(({ split }) => split === 'train');
  const script = new URL('read_shard.py', import.meta.url).pathname;
  const file = await store.localFile(shard?.path ?? '');
  const seen = JSON.parse(execFileSync(testPython(), [script, file]).toString()) as Seen;

  const set = await openShards({
    store,
    manifest,
    split: 'train',
    modalities: ['audio', 'rgb'],
  });
  expect(seen.rows.map(({ clip_id }) => clip_id)).toEqual(set.clipIds);
  expect(Object.fromEntries(seen.rows.map((row) => [row.clip_id, row.missing]))).toEqual({
    'clip-000': 4,
    'clip-001': 6,
    'clip-002': 5,
  });
  seen.rows.forEach((row, i) => {
    const { audio, rgb } = set.read(i);
    expect(row.label).toBe(set.labels[i]);
    expect(row.group).toBe(set.groups[i]);
    expect(row.missing).toBe(set.missing[i]);
    expect(row.rgb_shape).toEqual(rgb?.shape ?? null);
    expect(row.rgb_sum).toEqual(rgb?.data.reduce((sum, value) => sum + value, 0) ?? null);
    if (audio === undefined) expect(row.audio_sum).toBeNull();
    else
      expect(row.audio_sum).toBeCloseTo(
        audio.data.reduce((sum, value) => sum + value, 0),
        6,
      );
  });
  set.close();
  const frames = 2 * 32 * 42 * 3;
  expect(seen.duckdb).toEqual([
    [0, 2, 2 * frames, 9],
    [1, 1, 0, 6],
  ]);
  expect(seen.shape).toBe('[65,21]');
  expect(seen.metadata).toMatchObject({
    'modalmix.class_names': '["even","odd"]',
    'modalmix.sample_rate_hz': '8000',
    'modalmix.extractor_version': manifest.extractorVersion,
  });
});
