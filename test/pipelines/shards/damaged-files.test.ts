/** Manifests and plans that were changed or cut: noticed where they are read, made anew where they can be. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Clip } from '../../../schemas/clip.ts';
import { storePaths } from '../../../schemas/names.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { loadManifest } from '../../../pipelines/shards/manifest/load-manifest.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { clipOf, makeClip, newFolder, rebuild, smallExtraction } from './fixtures.ts';

const folder = newFolder();
const store = openStore(`file:${join(folder, 'store')}`);
let extractor: Extractor;
let clips: Clip[];

beforeAll(async () => {
  extractor = await createFfmpegExtractor();
  clips = Array.from({ length: 6 }, (_, i) =>
    clipOf(makeClip(join(folder, `${String(i)}.mp4`), i), i, i < 4 ? 'train' : 'test'),
  );
}, 120_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const built = async () => await rebuild(store, clips, smallExtraction(), extractor);

test('a changed digit in a manifest is noticed, also in one that is not signed, and a rebuild mends it', async () => {
  const { manifest } = await built();
  const path = storePaths.manifest('test', manifest.version);
  const whole = (await store.get(path)).toString();
  const mean = String(manifest.normalisation.rgb?.mean[0]);
  const digit = mean.replace(/\d/u, (first) => String((Number(first) + 1) % 10));
  const unsigned = whole.replace(/,\s*"sha256": "[0-9a-f]{64}"\s*\}\s*$/u, '\n}\n');
  expect(unsigned).not.toBe(whole);
  await store.put(path, unsigned);
  expect(await loadManifest(store, 'test', manifest.version)).toEqual(manifest);

  for (const text of [whole, unsigned]) {
    expect(text).toContain(mean);
    await store.put(path, text.replace(mean, digit));
    await expect(loadManifest(store, 'test', manifest.version)).rejects.toMatchObject({
      ...{ kind: 'input', where: `${store.uri}/${path}` },
      message: 'the manifest is damaged: it is not what was published',
    });
  }
  await built();
  expect((await store.get(path)).toString()).toBe(whole);
});

test('an empty hint, an empty plan and a plan without its body do not stop a rebuild', async () => {
  const { manifest } = await built();
  const plans = await store.list(`${storePaths.dataset('test')}/plans`);
  const body = plans.find((path) => path.endsWith('.jsonl'))!;
  const hint = plans.find((path) => path.includes('/latest-'))!;
  await store.put(hint, '');
  expect((await built()).manifest).toEqual(manifest);
  await store.put(storePaths.plan('test', manifest.version), '');
  expect((await built()).manifest).toEqual(manifest);
  await store.delete(body);
  expect((await built()).manifest).toEqual(manifest);
  await store.put(hint, '');
  await store.put(storePaths.plan('test', manifest.version), '');
  const more = await rebuild(store, clips.slice(0, 5), smallExtraction(), extractor);
  expect(more.manifest.splits.test.rows).toBe(1);
});
