/** Streaming, freezing, fine-tuning and the registry in a bucket of a real S3 server, beside the same in a folder. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Message } from 'node-rdkafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Extractor } from '../../../../pipelines/extraction/extractor.ts';
import { createExtractor } from '../../../../pipelines/extraction/create-extractor.ts';
import { versionOf } from '../../../../pipelines/models/open-model.ts';
import {
  listMoves,
  moveCurrent,
  readCurrent,
  registerVersion,
} from '../../../../pipelines/models/registry.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { encodeFeatureRecord, extractionKeyOf } from '../../../../pipelines/streaming/rows/feature-record.ts';
import { freezeSnapshot } from '../../../../pipelines/streaming/ranges/freeze-snapshot.ts';
import { SILENT_LOG } from '../../../../pipelines/streaming/log.ts';
import { openSinkState } from '../../../../pipelines/streaming/sink/open-sink.ts';
import { clipEventsOf, sendClipEvents } from '../../../../pipelines/streaming/send-clips.ts';
import type { StreamTarget } from '../../../../pipelines/streaming/stream-target.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { fineTuneSpec, trainingSpecs } from '../../../../pipelines/training/training-spec.ts';
import { trainModel } from '../../../../pipelines/training/train-model.ts';
import type { Clip } from '../../../../schemas/clip.ts';
import { runConfigSchema } from '../../../../schemas/config/config.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import type { TrainingSpec } from '../../../../schemas/training.ts';
import { startS3Server, type S3Server } from '../../../support/s3-server.ts';
import { createStream, endWorker, eventually, startTestBroker } from '../../../support/stream-fixture.ts';
import { makeTinyClips } from '../../../support/tiny-clips.ts';
import { clipOf, makeClip, newFolder, rebuild, smallExtraction } from '../../shards/fixtures.ts';

const CLASSES = ['even', 'odd'];
const BASE_CLIPS = 10;
const CLIPS = 16;
const PATIENCE_MS = 120_000;
const folder = newFolder();

let server: S3Server;
let extractor: Extractor;
let clips: Clip[];

beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket('lab');
  Object.assign(process.env, server.env);
  extractor = await createExtractor(console.warn);
  clips = Array.from({ length: CLIPS }, (_, i) => {
    const { group: _group, ...clip } = clipOf(
      makeClip(join(folder, `${String(i)}.mp4`), i),
      i,
      i % 3 === 0 ? 'test' : 'train',
    );
    return clip;
  });
}, 300_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What a window of the stream leaves behind: shards, a snapshot, two trainings, a registered and promoted version. */
async function liveThrough(store: Store): Promise<void> {
  const extraction = smallExtraction();
  const { manifest: base } = await rebuild(store, clips.slice(0, BASE_CLIPS), extraction, extractor);
  const target: StreamTarget = {
    name: 'test',
    classNames: CLASSES,
    extraction,
    extractorVersion: extractor.version,
    stream: streamConfigSchema.parse({}),
  };
  const sink = async (writerId: string) =>
    await openSinkState({
      ...{ store, target, writerId, log: SILENT_LOG },
      shares: { test: 0.3, validation: 0.2 },
    });
  const earlier = await sink('first');
  const state = await sink('second');
  for (const [offset, clip] of clips.slice(BASE_CLIPS).entries()) {
    const value = Buffer.from(
      encodeFeatureRecord({
        ...{ clipId: clip.clipId, label: CLASSES[clip.label]!, split: clip.split },
        contentHash: clip.clipId.padEnd(64, '0'),
        extractionKey: extractionKeyOf(extraction, extractor.version),
        sentAt: new Date(1_700_000_000_000).toISOString(),
        source: { topic: 'clips', partition: 0, offset },
        features: await extractor.extract(clip, extraction),
      }),
    );
    const message = { value, size: value.length, partition: 0, offset, topic: 'features' } as Message;
    await state.take(message);
    if (offset === 0) {
      await earlier.take(message);
      // It was started before, so its next generation is the other's.
      await expect(earlier.publish()).rejects.toMatchObject({ kind: 'config' });
    }
    if (offset === 3) await state.publish();
  }
  await state.publish();
  const stream = state.manifest;
  const newShards = stream.shards.map(({ entry }) => entry.path);
  const snapshot = await freezeSnapshot({ store, base, stream, newShards });

  const config = runConfigSchema.parse({
    name: 'test',
    dataset: { format: 'digits', root: 'clips' },
    training: {
      ...{ methods: ['b-mm'], epochs: 1, batchSize: 4, cropPx: 32, encoder: { kind: 'cnn', width: 2 } },
      ...{ optimizer: { name: 'adam' }, checkpoint: { everySteps: 2, keepLast: 1 } },
    },
    stream: { retrain: { fineTune: { epochs: 1 } } },
  });
  const train = async (spec: TrainingSpec) =>
    await trainModel({ store, spec, report: () => undefined, stopRequested: () => false });
  const first = trainingSpecs(config, base)[0]!;
  await train(first);
  const now = new Date(1_700_000_000_000);
  const parent = await registerVersion(store, await versionOf(store, 'kept', first), now);
  await moveCurrent(store, { model: 'kept', to: 1, by: 'first', reason: 'the first', now });
  const candidate = fineTuneSpec(config, snapshot, parent);
  await train(candidate);
  // Twice at once, as by a retried activity: one record.
  const version = await versionOf(store, 'kept', candidate);
  const registered = await Promise.all([
    registerVersion(store, version, now),
    registerVersion(store, version, now),
  ]);
  expect(registered.map((one) => one.version)).toEqual([2, 2]);
  await moveCurrent(store, { model: 'kept', to: 2, by: 'promote', reason: 'better', now });
  expect((await readCurrent(store, 'kept'))?.version.trainingId).toBe(candidate.trainingId);
  expect((await listMoves(store, 'kept')).map(({ to }) => to)).toEqual([1, 2]);
}

/** Every file but what the clock is part of, as text of what should be the same. */
async function contents(store: Store): Promise<Map<string, string>> {
  const paths = (await store.list('datasets')).concat(await store.list('models'), await store.list('runs'));
  const kept = paths.filter(
    (path) => !/\/tensorboard\/|\/checkpoints\/|metrics\.jsonl$|result\.json$|source-hashes/u.test(path),
  );
  return new Map(
    await Promise.all(
      kept.map(async (path) => {
        const bytes = await store.get(path);
        const text = /\/manifests\//u.test(path)
          ? bytes.toString().replace(/"publishedAt":\s*"[^"]+"/u, '')
          : bytes.toString('base64');
        return [path, text] as const;
      }),
    ),
  );
}

test('a window in a bucket leaves the same shards, snapshot, weights and registry as in a folder', async () => {
  const stores = [openStore('s3://lab/window'), openStore(`file:${join(folder, 'window')}`)] as const;
  for (const store of stores) await liveThrough(store);
  const [inBucket, inFolder] = await Promise.all(stores.map(contents));
  expect([...inBucket!.keys()].filter((path) => path.includes('/stream/')).length).toBeGreaterThan(4);
  expect([...inBucket!.keys()].filter((path) => path.endsWith('model.safetensors'))).toHaveLength(2);
  expect(inBucket).toEqual(inFolder);
}, 300_000);

test('clips sent over Kafka are sunk into a bucket once each, though the sink is killed', async () => {
  const broker = await startTestBroker();
  const sent = await makeTinyClips({ clipsPerClass: 8 });
  try {
    const stream = await createStream(
      broker.home,
      'bucket',
      sent,
      extractor,
      {},
      undefined,
      's3://lab/stream',
    );
    const events = await clipEventsOf(sent, ['high', 'low']);
    const connection = await stream.connection();
    const topics = await ensureTopics(connection, stream.settings.target.stream);
    const ingest = stream.start('ingest', 'ingest');
    const struck = stream.start('sink', 'struck');
    await sendClipEvents(connection, topics, events.slice(0, 9));
    const published = async (rows: number) =>
      await eventually(`${String(rows)} rows in the bucket`, PATIENCE_MS, async () => {
        const found = await stream.manifest();
        return found !== undefined && found.counts.rows >= rows ? found : undefined;
      });
    await published(1);
    await endWorker(struck, 'SIGKILL');
    await sendClipEvents(connection, topics, events.slice(9));
    const sink = stream.start('sink', 'second');
    await published(events.length);
    const rows = await stream.liveRows();
    await endWorker(sink, 'SIGTERM');
    await endWorker(ingest, 'SIGTERM');
    expect(rows.map(({ clipId }) => clipId).sort()).toEqual(events.map(({ clipId }) => clipId).sort());
    const { uri, clipId } = events[0]!;
    const clip = { clipId, path: fileURLToPath(uri), label: 0, split: 'train' } as const;
    const { audio, rgb } = await extractor.extract(clip, stream.settings.target.extraction);
    const row = rows.find((one) => one.clipId === clipId)!;
    expect(row.features.audio?.data).toEqual(audio?.data);
    expect(Buffer.from(row.features.rgb!.data).equals(Buffer.from(rgb!.data))).toBe(true);
    const foreign = (await stream.store.list('datasets')).filter((path) => !path.includes('/bucket/stream/'));
    expect(foreign).toEqual([]);
  } finally {
    await broker.stop();
    await rm(sent, { recursive: true, force: true });
  }
}, 300_000);
