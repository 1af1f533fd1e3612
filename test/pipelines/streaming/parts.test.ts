import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../../pipelines/store/open-store.ts';
import {
  decodeFeatureRecord,
  encodeFeatureRecord,
} from '../../../pipelines/streaming/rows/feature-record.ts';
import { featureProblem } from '../../../pipelines/streaming/rows/feature-problem.ts';
import { parseClipEvent } from '../../../pipelines/streaming/ingest/parse-event.ts';
import { PartitionWindow } from '../../../pipelines/streaming/transactions/partition-window.ts';
import { StreamIndex } from '../../../pipelines/streaming/rows/stream-index.ts';
import {
  emptyStreamManifest,
  findStreamManifest,
  publishStreamManifest,
} from '../../../pipelines/streaming/sink/stream-manifest.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { streamConfigSchema } from '../../../schemas/config/stream-config.ts';

const RECORD = {
  clipId: 'speaker-1/clip-2',
  label: 'happy',
  group: 'speaker-1',
  contentHash: 'a'.repeat(64),
  extractionKey: 'k',
  sentAt: '2026-01-02T03:04:05.678Z',
  source: { topic: 'a.b/c', partition: 3, offset: 99 },
  features: {
    audio: { data: Float32Array.from({ length: 6 }, (_, i) => i / 7), shape: [2, 3] as const },
    rgb: { data: Uint8Array.from({ length: 30 }, (_, i) => i), shape: [1, 2, 5, 3] as const },
    missing: { flow: { code: 'too-short', reason: 'one frame' } as const },
  },
};

test('a feature record comes back as it was, wherever its bytes start in memory', () => {
  const encoded = encodeFeatureRecord(RECORD);
  for (const shift of [0, 1, 4]) {
    const moved = new Uint8Array(encoded.length + shift).subarray(shift);
    moved.set(encoded);
    expect(decodeFeatureRecord(moved)).toEqual(RECORD);
  }
});

test('bytes that are no feature record are bad input, never a crash', () => {
  const encoded = encodeFeatureRecord(RECORD);
  for (const bytes of [new Uint8Array(0), encoded.subarray(0, 200), new Uint8Array(500).fill(255)]) {
    expect(() => decodeFeatureRecord(bytes)).toThrow(expect.objectContaining({ kind: 'input' }));
  }
});

test('a record of which one bit was flipped is a record or bad input, and soon', () => {
  const encoded = encodeFeatureRecord(RECORD);
  let refused = 0;
  // Two or three bits of every byte.
  for (let bit = 0; bit < encoded.length * 8; bit += 3) {
    const flipped = Uint8Array.from(encoded);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      decodeFeatureRecord(flipped);
    } catch (error) {
      expect(error, `bit ${String(bit)}`).toMatchObject({ kind: 'input' });
      refused += 1;
    }
  }
  // The rest are bits of the features, of padding, and of texts that are as good as before.
  expect(refused).toBeGreaterThan(encoded.length / 2);
});

test.each([
  [
    'audio of another size',
    { audio: { data: new Float32Array(6), shape: [3, 2] as const } },
    /audio is \[3, 2\]/u,
  ],
  [
    'audio that is no number',
    { audio: { data: new Float32Array(257 * 3).fill(NaN, 5, 6), shape: [257, 3] as const } },
    /audio has NaN at 5/u,
  ],
  [
    'another number of frames',
    { rgb: { data: new Uint8Array(30), shape: [1, 2, 5, 3] as const } },
    /rgb has 1 frames/u,
  ],
  [
    'pictures without colours',
    { rgb: { data: new Uint8Array(30), shape: [3, 2, 5, 1] as const } },
    /of 1 channels/u,
  ],
])('%s is no row of a dataset', (_, features, problem) => {
  const extraction = extractionConfigSchema.parse({
    audio: { sampleRateHz: 8000, nFft: 512, hop: 256, durationS: 0.064 },
    video: { frames: 3, sampling: 'start' },
  });
  expect(featureProblem(features, extraction)).toMatch(problem);
});

test('offsets are ready only up to the first unfinished one of each partition', () => {
  const window = new PartitionWindow<string>();
  const [a, b, c] = [window.add(0, 5), window.add(0, 6), window.add(1, 9)];
  b!.outcome = 'b';
  c!.outcome = 'c';
  expect([...window.ready().nextOffsets]).toEqual([[1, 10]]);
  a!.outcome = 'a';
  const ready = window.ready();
  expect(Object.fromEntries(ready.nextOffsets)).toEqual({ 0: 7, 1: 10 });
  window.confirm(ready);
  expect(window.size).toBe(0);
  expect(window.add(0, 6)).toBeUndefined();
});

test('of two events about a clip the later one counts, whichever arrives first', () => {
  const index = new StreamIndex();
  const row = { clipId: 'x', label: 0, split: undefined, contentHash: 'h', sentAtMs: 100 };
  expect(index.judge(row).kind).toBe('new');
  index.set('x', {
    label: 0,
    split: 'train',
    contentHash: 'h',
    sentAtMs: 100,
    place: { shard: 's', row: 4 },
  });
  expect(index.judge({ ...row, sentAtMs: 200 }).kind).toBe('duplicate');
  expect(index.judge({ ...row, label: 1, sentAtMs: 99 }).kind).toBe('outdated');
  expect(index.judge({ ...row, label: 1, sentAtMs: 101 })).toMatchObject({
    kind: 'supersedes',
    old: { place: { shard: 's', row: 4 } },
  });
  expect(index.judge({ ...row, contentHash: 'other', sentAtMs: 101 }).kind).toBe('supersedes');
});

test('of two sinks that publish the same generation exactly one succeeds', async () => {
  const store = openStore(`file:${await mkdtemp(join(tmpdir(), 'modalmix-generations-'))}`);
  const target = {
    name: 'd',
    classNames: ['a', 'b'],
    extraction: extractionConfigSchema.parse({}),
    extractorVersion: '1',
    stream: streamConfigSchema.parse({}),
  };
  const first = { ...emptyStreamManifest(target, 'one'), generation: 1 };
  const outcomes = await Promise.allSettled(
    ['one', 'two', 'three'].map(async (writer) => await publishStreamManifest(store, { ...first, writer })),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const newest = await findStreamManifest(store, 'd', first.extractionKey);
  await publishStreamManifest(store, { ...newest!, generation: 2 });
  await expect(publishStreamManifest(store, { ...newest!, generation: 2 })).rejects.toThrow('another sink');
});

test('a time that no media file has is an invalid event', () => {
  const event = {
    schemaVersion: 1,
    clipId: 'a',
    uri: 'file:///a.mp4',
    label: 'happy',
    sentAt: '2026-01-02T03:04:05Z',
  };
  const parse = (more: object) =>
    parseClipEvent(Buffer.from(JSON.stringify({ ...event, ...more })), ['happy']);
  expect(parse({ startS: 9_999_999.5, endS: 10_000_000 }).startS).toBe(9_999_999.5);
  for (const times of [{ startS: 1e305 }, { startS: 0, endS: 1e305 }, { startS: 10_000_001 }]) {
    expect(() => parse(times)).toThrow(expect.objectContaining({ code: 'invalid-event' }));
  }
});
