/** The sink's publications, freezing, fine-tuning and the registry in a bucket of a real S3 server, beside the same in a folder. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Message } from 'node-rdkafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg-extractor.ts';
import { versionOf } from '../../../pipelines/models/open-model.ts';
import { listMoves, moveCurrent, readCurrent, registerVersion } from '../../../pipelines/models/registry.ts';
import { openStore, type Store } from '../../../pipelines/store/store.ts';
import { encodeFeatureRecord, extractionKeyOf } from '../../../pipelines/streaming/feature-record.ts';
import { freezeSnapshot } from '../../../pipelines/streaming/freeze-snapshot.ts';
import { SILENT_LOG } from '../../../pipelines/streaming/log.ts';
import { openSinkState } from '../../../pipelines/streaming/open-sink.ts';
import type { StreamTarget } from '../../../pipelines/streaming/stream-target.ts';
import { fineTuneSpec, trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import type { Clip } from '../../../schemas/clip.ts';
import { runConfigSchema } from '../../../schemas/config.ts';
import { streamConfigSchema } from '../../../schemas/stream-config.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';
import { clipOf, makeClip, newFolder, rebuild, smallExtraction } from '../shards/fixtures.ts';

const CLASSES = ['even', 'odd'];
const BASE_CLIPS = 10;
const CLIPS = 16;
const folder = newFolder();

let server: S3Server;
let extractor: Extractor;
let clips: Clip[];

beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket('lab');
  Object.assign(process.env, server.env);
  extractor = await createFfmpegExtractor();
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
