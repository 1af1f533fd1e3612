import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  listWindows,
  lookAtWindow,
  readWindowManifest,
  type LookInput,
} from '../../../pipelines/models/windows.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import {
  emptyStreamManifest,
  publishStreamManifest,
} from '../../../pipelines/streaming/sink/stream-manifest.ts';
import { extractionKeyOfTarget, type StreamTarget } from '../../../pipelines/streaming/stream-target.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { storePaths } from '../../../schemas/names.ts';
import { streamConfigSchema } from '../../../schemas/config/stream-config.ts';
import type { StreamManifest } from '../../../schemas/stream.ts';

const TARGET: StreamTarget = {
  name: 'clips',
  classNames: ['a', 'b'],
  extraction: extractionConfigSchema.parse({}),
  extractorVersion: 'test',
  stream: streamConfigSchema.parse({}),
};
const START = new Date('2026-01-01T00:00:00Z');
const minutesLater = (minutes: number) => new Date(START.getTime() + 60_000 * minutes);

const root = mkdtempSync(join(tmpdir(), 'modalmix-windows-'));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

let store: Store;
let stream: StreamManifest;
let stores = 0;
beforeEach(() => {
  store = openStore(`file:${join(root, String(stores++))}`);
  stream = emptyStreamManifest(TARGET, 'test');
});

/** The sink publishes a shard of `rows` clips. */
async function arrive(rows: number, superseded: readonly { shard: string; row: number }[] = []) {
  const generation = stream.generation + 1;
  const path = `shards/train-${String(generation)}.arrow`;
  stream = {
    ...stream,
    generation,
    shards: [
      ...stream.shards,
      {
        rowsPath: `${path}.jsonl`,
        entry: {
          ...{ path, split: 'train', key: String(generation), rows, bytes: 1, sha256: '', quarantined: [] },
          ...{ classCounts: [rows, 0], missingCounts: {}, sums: {} },
        },
      },
    ],
    superseded: [...stream.superseded, ...superseded.map((place) => ({ ...place, clipId: 'x' }))],
    counts: { ...stream.counts, rows: stream.counts.rows + rows },
  };
  await publishStreamManifest(store, stream);
  return path;
}

async function look(number: number, options: Partial<LookInput> = {}) {
  return await lookAtWindow(number, {
    ...{ store, model: 'm', dataset: 'clips', extractionKey: extractionKeyOfTarget(TARGET) },
    ...{ window: { clips: 10, minutes: 30 }, closeNow: false, now: START },
    ...options,
  });
}

describe('a window', () => {
  it('stays open while it is empty, whatever the time, and even when it is told to close', async () => {
    expect(await look(1, { now: minutesLater(1_000), closeNow: true })).toEqual({ number: 1, clips: 0 });
    expect(await listWindows(store, 'm')).toEqual([]);
  });

  it('closes with the publication that fills it', async () => {
    const first = await arrive(6);
    expect(await look(1)).toEqual({ number: 1, clips: 6, openedAt: START });
    const second = await arrive(7);
    expect(await look(1, { now: minutesLater(2) })).toMatchObject({
      ...{ number: 1, reason: 'clips', newClips: 13, newShards: [first, second] },
      ...{ openedAt: START.toISOString(), closedAt: minutesLater(2).toISOString() },
      from: { generation: 0 },
      to: { generation: 2, counts: { rows: 13 } },
    });
  });

  it('closes when its time is over, counted from its first clip', async () => {
    await arrive(1);
    await look(1);
    expect(await look(1, { now: minutesLater(29.9) })).not.toHaveProperty('closedAt');
    expect(await look(1, { now: minutesLater(30) })).toMatchObject({ reason: 'time', newClips: 1 });
  });

  it('closes with what is there when it is told to', async () => {
    await arrive(2);
    expect(await look(1, { closeNow: true })).toMatchObject({ reason: 'asked', newClips: 2 });
  });

  it('holds what came since the one before, and nothing that comes later', async () => {
    await arrive(10);
    await look(1);
    const later = await arrive(4);
    const window = await look(2, { closeNow: true });
    expect(window).toMatchObject({ newShards: [later], newClips: 4, from: { generation: 1 } });
    await arrive(5);
    expect(await look(2)).toEqual(window);
    const [, second] = await listWindows(store, 'm');
    if (second === undefined) throw new Error('the second window is not listed');
    expect((await readWindowManifest(store, second)).generation).toBe(2);
  });

  it('does not count rows that were superseded before it closed', async () => {
    const shard = await arrive(9);
    await arrive(2, [{ shard, row: 3 }]);
    expect(await look(1)).toMatchObject({ newClips: 10, reason: 'clips' });
  });

  it('is the same for two who close it at the same time', async () => {
    await arrive(12);
    const looks = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => await look(1, { now: minutesLater(index) })),
    );
    expect(new Set(looks.map((window) => JSON.stringify(window))).size).toBe(1);
  });

  it('loses no clip to a crash before it was written down', async () => {
    await arrive(12);
    await look(1);
    await store.delete(storePaths.retrainWindow('m', 1));
    await arrive(3);
    expect(await look(1)).toMatchObject({ number: 1, newClips: 15, to: { generation: 2 } });
  });
});
