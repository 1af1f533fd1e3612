/** Offset ranges of a real broker's topic as versions of a dataset. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { ensureKafka } from '../../../../infra/kafka/ensure-kafka.ts';
import { openShards } from '../../../../pipelines/shards/read/shard-reader.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import type { KafkaConnection } from '../../../../pipelines/streaming/kafka/connection.ts';
import { materialiseRanges } from '../../../../pipelines/streaming/ranges/materialise-ranges.ts';
import { openRangesReader } from '../../../../pipelines/streaming/ranges/read-ranges.ts';
import { topicsOf, type StreamTarget } from '../../../../pipelines/streaming/stream-target.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { SPLITS } from '../../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../../schemas/manifest.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { streamConfigSchema, type OffsetRange } from '../../../../schemas/config/stream-config.ts';
import { deleteRecords } from '../../../support/delete-records.ts';
import { featureRow, sendFeatureRows } from '../../../support/feature-rows.ts';
import { eventually, brokerOfFile } from '../../../support/stream-fixture.ts';
import { smallExtraction } from '../../shards/fixtures.ts';
import type { MaterialiseOrder } from './children/materialise.ts';

const PATIENCE_MS = 120_000;
const CLIPS = 60;
const SHARES = { test: 0.3, validation: 0.1 };

const broker = brokerOfFile(PATIENCE_MS);
let connection: KafkaConnection;

beforeAll(async () => {
  ({ connection } = await ensureKafka());
}, PATIENCE_MS);

const storeAt = (name: string) => openStore(`file:${join(broker.home, name)}`);

async function newTarget(name: string): Promise<StreamTarget> {
  const target: StreamTarget = {
    ...{ name, classNames: ['even', 'odd'], extractorVersion: 'test' },
    extraction: smallExtraction({ video: { fps: 2, frames: 2, shortSide: 32 } }),
    stream: streamConfigSchema.parse({ topicPrefix: name, topics: { partitions: 3 } }),
  };
  await ensureTopics(connection, target.stream);
  return target;
}

async function currentRanges(target: StreamTarget): Promise<OffsetRange[]> {
  const topic = topicsOf(target).features;
  const reader = await openRangesReader(connection, target.name, topic, target.stream);
  try {
    return await reader.currentRanges();
  } finally {
    await reader.close();
  }
}

async function materialise(store: Store, target: StreamTarget, ranges: readonly OffsetRange[]) {
  const { signal } = new AbortController();
  return await materialiseRanges({ store, target, shares: SHARES, ranges, connection, signal });
}

/** Everything in the store by path. */
async function contentOf(store: Store, name: string): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for (const path of await store.list(storePaths.dataset(name))) {
    content.set(path, (await store.get(path)).toString('base64'));
  }
  return content;
}

async function labelsOf(store: Store, manifest: DatasetManifest): Promise<Map<string, number>> {
  const labels = new Map<string, number>();
  for (const split of SPLITS) {
    const set = await openShards({ store, manifest, split, modalities: ['audio'] });
    set.clipIds.forEach((clipId, row) => {
      expect(labels.has(clipId)).toBe(false);
      labels.set(clipId, set.labels[row] ?? -1);
    });
    set.close();
  }
  return labels;
}

test(
  'the same ranges give the same version and bytes; what came later makes another one',
  async () => {
    const target = await newTarget('ranges');
    const rows = Array.from({ length: CLIPS }, (_, index) => featureRow(target, index));
    const later = { sentAt: new Date(1_800_000_000_000).toISOString() };
    await sendFeatureRows(connection, target, [
      ...rows,
      // One of each: a duplicate, a correction, an outdated row, another extraction.
      featureRow(target, 3),
      featureRow(target, 4, { label: 'odd', ...later }),
      featureRow(target, 5, { label: 'even', sentAt: new Date(0).toISOString() }),
      featureRow(target, 6, { extractionKey: 'another', ...later }),
    ]);
    const ranges = await currentRanges(target);
    expect(ranges.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(CLIPS + 4);
    const [one, two] = [storeAt('one'), storeAt('two')];
    const manifest = await materialise(one, target, ranges);
    await materialise(two, target, [...ranges].reverse());
    const content = await contentOf(one, target.name);
    expect(await contentOf(two, target.name)).toEqual(content);
    await materialise(one, target, ranges);
    expect(await contentOf(one, target.name)).toEqual(content);

    expect(manifest.shards.length).toBeGreaterThan(SPLITS.length);
    const labels = await labelsOf(one, manifest);
    expect(Object.fromEntries(labels)).toEqual(
      Object.fromEntries(rows.map(({ clipId }, i) => [clipId, i === 4 ? 1 : i % 2])),
    );
    expect(manifest.index).toMatchObject({ listed: CLIPS + 4, found: CLIPS });
    expect(manifest.index.notes.join('\n')).toContain(
      '1 rows were replaced by later ones, 1 duplicates and 1 outdated records dropped, 1 of other extractions',
    );

    await sendFeatureRows(connection, target, [featureRow(target, CLIPS)]);
    const grown = await materialise(one, target, await currentRanges(target));
    expect(grown.version).not.toBe(manifest.version);
    expect([...(await labelsOf(one, grown)).keys()]).toHaveLength(CLIPS + 1);
    // What was on the topic when the ranges were fixed is what they hold for ever.
    expect((await materialise(one, target, ranges)).version).toBe(manifest.version);
  },
  PATIENCE_MS,
);

test(
  'killed in the middle it begins anew, and ends with the same bytes',
  async () => {
    const target = await newTarget('killed-ranges');
    const rows = Array.from({ length: 600 }, (_, index) => featureRow(target, index));
    await sendFeatureRows(connection, target, rows);
    const ranges = await currentRanges(target);
    const undisturbed = storeAt('undisturbed');
    await materialise(undisturbed, target, ranges);

    const store = storeAt('killed');
    const order: MaterialiseOrder = { storeUri: store.uri, target, shares: SHARES, ranges, connection };
    const program = fileURLToPath(new URL('children/materialise.ts', import.meta.url));
    const words = ['--import', import.meta.resolve('tsx'), program, JSON.stringify(order)];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    const scratch = fileURLToPath(new URL('.tmp', `${store.uri}/`));
    await eventually('the child to write a shard', PATIENCE_MS, async () => {
      const files = await readdir(scratch, { recursive: true }).catch(() => []);
      const sizes = await Promise.all(
        files.map(async (file) => (await stat(join(scratch, file)).catch(() => undefined))?.size ?? 0),
      );
      return files.some((file, i) => file.endsWith('.arrow') && (sizes[i] ?? 0) > 0) ? true : undefined;
    });
    child.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect((await store.list('datasets')).filter((path) => path.endsWith('manifest.json'))).toEqual([]);
    await materialise(store, target, ranges);
    expect(await contentOf(store, target.name)).toEqual(await contentOf(undisturbed, target.name));
  },
  PATIENCE_MS,
);

test(
  'records that retention deleted, and offsets that never were, are named',
  async () => {
    const target = await newTarget('deleted');
    await sendFeatureRows(
      connection,
      target,
      Array.from({ length: 30 }, (_, index) => featureRow(target, index)),
    );
    const ranges = await currentRanges(target);
    const first = ranges.find(({ to }) => to > 4)!;
    const { features: topic } = topicsOf(target);
    await deleteRecords(connection, broker.home, [{ topic, partition: first.partition, offset: 3 }]);
    const store = storeAt('deleted');
    await expect(materialise(store, target, ranges)).rejects.toMatchObject({
      kind: 'config',
      message: "offsets 0 to 2 were deleted by the topic's retention",
      where: `deleted.features/${String(first.partition)}`,
    });
    await expect(materialise(store, target, [{ partition: 0, from: 3, to: 10_000 }])).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining('before offset 10000') as string,
    });
    const left = ranges.map((range) => (range === first ? { ...range, from: 3 } : range));
    expect((await materialise(store, target, left)).index.found).toBe(27);
  },
  PATIENCE_MS,
);
