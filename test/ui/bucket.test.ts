/** A store in a bucket: all that the page shows of it comes from there, and nothing is read where it is not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { makeModel } from '../../bench/harness/make-model.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { startS3Server, type S3Server } from '../support/s3-server.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { probeUi, type UiProbe } from './support.ts';

let folder: string;
let clips: string;
let s3: S3Server;
let probe: UiProbe;
let base: string;
let version: string;
let trainingId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-ui-bucket-'));
  vi.stubEnv(ENVIRONMENT.home, join(folder, 'home'));
  s3 = await startS3Server();
  for (const [name, value] of Object.entries(s3.env)) vi.stubEnv(name, value);
  await s3.makeBucket('kept');
  clips = await makeTinyClips({ clipsPerClass: 3 });
  const store = openStore('s3://kept/here');
  const config = runConfigSchema.parse({
    name: 'bucket',
    dataset: { format: 'folder', root: clips, validationShare: 0 },
    training: {
      ...{ methods: ['b-mm'], seeds: [0], epochs: 2, batchSize: 2, encoder: { width: 4 }, cropPx: 32 },
      threads: 1,
    },
  });
  const extractor = await createExtractor(console.warn);
  const { manifest, specs } = await makeModel(store, config, extractor, 'far');
  ({ version } = manifest);
  ({ trainingId } = specs[0]!);
  probe = await probeUi({ storeUri: store.uri });
  const stores = (await probe.ask('/api/stores')).json as { readonly id: string; readonly uri: string }[];
  expect(stores).toMatchObject([{ uri: 's3://kept/here' }]);
  base = `/api/stores/${stores[0]!.id}`;
}, 120_000);
afterAll(async () => {
  await probe.ui.close();
  await s3.stop();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
  await rm(clips, { recursive: true, force: true });
});

it('shows its clips, with their frames', async () => {
  const dataset = `${base}/datasets/bucket/${version}`;
  expect((await probe.ask(`${base}/datasets`)).json).toMatchObject([{ name: 'bucket', version }]);
  const page = (await probe.ask(`${dataset}/clips`)).json as {
    readonly clips: { readonly clipId: string }[];
  };
  expect(page.clips.map(({ clipId }) => clipId).sort()).toEqual(
    ['high', 'low']
      .flatMap((name) => [
        `test/${name}/${name}-000.mp4`,
        `train/${name}/${name}-001.mp4`,
        `train/${name}/${name}-002.mp4`,
      ])
      .sort(),
  );
  const id = encodeURIComponent('train/low/low-001.mp4');
  const picture = await probe.ask(`${dataset}/picture?kind=rgb&frame=0&id=${id}`);
  expect(picture.headers['content-type']).toBe('image/png');
  // Of the class whose clips are blue.
  const { channels } = await sharp(picture.body).stats();
  const [red, , blue] = channels.map(({ mean }) => mean);
  expect(blue).toBeGreaterThan(2 * red!);
});

it('shows its trainings and models', async () => {
  expect((await probe.ask(`${base}/trainings`)).text).toContain(trainingId);
  const [{ curves }] = (await probe.ask(`${base}/curves?id=${trainingId}`)).json as [
    { readonly curves: { readonly name: string; readonly y: readonly number[] }[] },
  ];
  expect(curves.find(({ name }) => name === 'loss')?.y).toHaveLength(2);
  expect(curves.find(({ name }) => name === 'peakMemoryMiB')?.y.every((mib) => mib > 50)).toBe(true);
  expect((await probe.ask(`${base}/models`)).json).toMatchObject([{ model: 'far' }]);
});

it('says in words when the bucket is away', async () => {
  await s3.kill();
  const answer = await probe.ask(`${base}/models`);
  expect(answer.status).toBeGreaterThanOrEqual(500);
  expect(answer.text).not.toMatch(/\n\s+at |a-secret-that-no-message-may-show/u);
  expect(answer.text).toMatch(/S3|bucket|store/iu);
  await s3.start();
  expect((await probe.ask(`${base}/models`)).json).toMatchObject([{ model: 'far' }]);
}, 60_000);
