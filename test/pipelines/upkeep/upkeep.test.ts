/** A store with a dataset, a training and a model of real files, damaged one file at a time. */
import { cp, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexDataset } from '../../../pipelines/datasets/index-dataset.ts';
import { createExtractor } from '../../../pipelines/extraction/create-extractor.ts';
import { moveCurrent, registerVersion } from '../../../pipelines/models/registry.ts';
import { versionOf } from '../../../pipelines/models/open-model.ts';
import { planRebuild } from '../../../pipelines/shards/plan/plan-rebuild.ts';
import { publishManifest } from '../../../pipelines/shards/publish-manifest.ts';
import { buildShard } from '../../../pipelines/shards/write/build-shard.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { trainModel } from '../../../pipelines/training/train-model.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { collectGarbage, findGarbage } from '../../../pipelines/upkeep/find-garbage.ts';
import { repairStore } from '../../../pipelines/upkeep/repair-store.ts';
import { verifyStore } from '../../../pipelines/upkeep/verify-store.ts';
import { runConfigSchema, type RunConfig } from '../../../schemas/config/config.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import { storePaths } from '../../../schemas/names.ts';
import { tinyConfig } from '../../support/project.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

const TIMEOUT_MS = 600_000;
const RUN = 'tiny-run';
const SILENT = { say: () => undefined };
const LATER = new Date(Date.now() + 3_600_000);

let clips: string;
let work: string;
let whole: string;
let config: RunConfig;
let manifest: DatasetManifest;
let trainingId: string;

beforeAll(async () => {
  clips = await makeTinyClips({ clipsPerClass: 6 });
  work = await mkdtemp(join(tmpdir(), 'modalmix-upkeep-'));
  whole = join(work, 'whole');
  config = runConfigSchema.parse(tinyConfig(clips, whole, { epochs: 2, checkpoint: { everySteps: 1 } }));
  const store = openStore(`file:${whole}`);
  await store.put(storePaths.runConfig(RUN), JSON.stringify(config));
  manifest = await rebuild(store, config);
  const { name, version } = manifest;
  await store.put(storePaths.runDataset(RUN), JSON.stringify({ name, version }));
  const [spec] = trainingSpecs(config, { name, version });
  ({ trainingId } = spec!);
  await trainModel({ store, spec: spec!, report: () => undefined, stopRequested: () => false });
  const now = new Date();
  await registerVersion(store, await versionOf(store, 'tiny', spec!), now);
  await moveCurrent(store, { model: 'tiny', to: 1, by: 'first', reason: 'test', now });
}, TIMEOUT_MS);
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
  await rm(clips, { recursive: true, force: true });
});

async function rebuild(store: Store, { dataset, name, extraction }: RunConfig): Promise<DatasetManifest> {
  const extractor = await createExtractor(console.warn);
  const index = await indexDataset(dataset);
  const plan = await planRebuild({ store, name, index, extraction, extractorVersion: extractor.version });
  const { version } = plan;
  for (const shardIndex of plan.shardsToBuild)
    await buildShard({ store, name, version, shardIndex, extractor });
  return await publishManifest({ store, name, version });
}

let copies = 0;
async function copyOfStore(): Promise<Store> {
  copies += 1;
  const folder = join(work, `copy-${String(copies)}`);
  await cp(whole, folder, { recursive: true });
  return openStore(`file:${folder}`);
}

/** One bit, in the middle of the file; its length and times stay. */
async function flip(store: Store, path: string): Promise<void> {
  const file = join(fileURLToPath(store.uri), path);
  const bytes = await readFile(file);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(file, bytes);
}

const shardOf = (split: string) => manifest.shards.find((shard) => shard.split === split)!.path;

describe('verify', () => {
  it('finds nothing in a store that is whole, and changes nothing', async () => {
    const store = openStore(`file:${whole}`);
    const before = await store.list('');
    expect(await verifyStore(store)).toMatchObject({ findings: [], unknown: [] });
    expect(await store.list('')).toEqual(before);
  });

  it.each([
    ['a shard', () => shardOf('train'), 'rebuild'],
    ['the weights', () => storePaths.model(trainingId), 'train'],
    ['a checkpoint', () => storePaths.bestCheckpoint(trainingId), 'train'],
    ['the manifest', () => storePaths.manifest(manifest.name, manifest.version), 'rebuild'],
  ] as const)('finds one flipped bit in %s, and nothing else', async (_, pathOf, mend) => {
    const store = await copyOfStore();
    const path = pathOf();
    await flip(store, path);
    const { findings } = await verifyStore(store);
    expect(findings.map((one) => [one.path, one.state, one.mend])).toEqual([[path, 'damaged', mend]]);
  });

  it('finds what is empty, and what is named and not there', async () => {
    const store = await copyOfStore();
    const emptied = [
      storePaths.runDataset(RUN),
      storePaths.trainingResult(trainingId),
      storePaths.modelVersion('tiny', 1),
      storePaths.plan(manifest.name, manifest.version),
    ];
    for (const path of emptied) await store.put(path, '');
    await store.delete(shardOf('test'));
    await store.delete(storePaths.runConfig(trainingId));
    await store.put('runs/notes.txt', 'mine');
    const { findings, unknown } = await verifyStore(store);
    expect(Object.fromEntries(findings.map(({ path, state }) => [path, state]))).toEqual({
      ...Object.fromEntries(emptied.map((path) => [path, 'damaged'])),
      [shardOf('test')]: 'missing',
    });
    expect(unknown).toEqual(['runs/notes.txt']);
  });
});

describe('repair', () => {
  it(
    'makes again what can be made again, byte for byte, and keeps what was damaged',
    { timeout: TIMEOUT_MS },
    async () => {
      const store = await copyOfStore();
      const entry = shardOf('test').replace('.arrow', '.json');
      const paths = [
        shardOf('train'),
        entry,
        storePaths.manifest(manifest.name, manifest.version),
        storePaths.model(trainingId),
      ];
      const expected = await Promise.all(paths.map(async (path) => await store.get(path)));
      for (const path of paths) await flip(store, path);
      await store.put(entry, '{');
      await store.put(storePaths.currentModel('tiny'), '');
      await store.put(storePaths.sourceHashesFormat1(manifest.name), '');
      const damaged = await store.get(storePaths.model(trainingId));

      const { found, left, notes } = await repairStore(store, SILENT);

      expect(found).toHaveLength(6);
      expect(left.findings).toEqual([]);
      expect(notes).toEqual([]);
      for (const [i, path] of paths.entries())
        expect((await store.get(path)).equals(expected[i]!)).toBe(true);
      expect((await store.get(`damaged/${storePaths.model(trainingId)}`)).equals(damaged)).toBe(true);
      expect((await store.get(storePaths.currentModel('tiny'))).toString()).toContain('"version": 1');
    },
  );

  it('makes parts of a manifest and of the sources’ hashes again', { timeout: TIMEOUT_MS }, async () => {
    const store = await copyOfStore();
    const { name, version } = manifest;
    const parts = { shardsInOne: 1, partBytes: 1_000 };
    await publishManifest({ store, name, version, ...parts });
    const [damaged, gone] = (await store.list(`datasets/${name}/${version}`)).filter((path) =>
      path.endsWith('.jsonl'),
    ) as [string, string];
    const hashes = storePaths.sourceHashes(name, '');
    const paths = [storePaths.manifest(name, version), damaged, gone];
    const remembered = async () =>
      (await store.get(hashes)).toString().trim().split('\n').slice(0, -1).sort();
    const known = await remembered();
    const expected = await Promise.all(paths.map(async (path) => await store.get(path)));
    await flip(store, damaged);
    await store.delete(gone);
    await flip(store, hashes);
    const { found, left, notes } = await repairStore(store, { ...SILENT, ...parts });
    expect(found.map(({ path, state }) => [path, state]).sort()).toEqual(
      [
        [damaged, 'damaged'],
        [gone, 'missing'],
        [hashes, 'damaged'],
      ].sort(),
    );
    expect(left.findings).toEqual([]);
    expect(notes).toEqual([]);
    for (const [i, path] of paths.entries())
      expect((await store.get(path)).toString()).toBe(expected[i]!.toString());
    expect(await remembered()).toEqual(known);
  });

  it('says what it cannot make again, and why', { timeout: TIMEOUT_MS }, async () => {
    const store = await copyOfStore();
    await flip(store, storePaths.model(trainingId));
    for (const path of await store.list(storePaths.checkpoints(trainingId))) await store.delete(path);
    await store.put(storePaths.modelVersion('tiny', 1), '');
    const { left, notes } = await repairStore(store, SILENT);
    expect(left.findings.map(({ path, mend }) => [path, mend])).toEqual([
      [storePaths.modelVersion('tiny', 1), 'restore'],
      [storePaths.model(trainingId), 'train'],
    ]);
    expect(notes.join('\n')).toContain(`delete runs/${trainingId} and run again`);
  });
});

describe('gc', () => {
  /** The same dataset cut in other shards: a version that no run names. */
  async function withAnotherVersion(): Promise<{ store: Store; other: DatasetManifest }> {
    const store = await copyOfStore();
    const extraction = { ...config.extraction, video: { ...config.extraction.video, frames: 2 } };
    return { store, other: await rebuild(store, { ...config, extraction }) };
  }

  it('of a store in use finds only the earlier checkpoints of a complete training', async () => {
    const found = await findGarbage(await copyOfStore(), { before: LATER });
    expect(new Set(found.map(({ why }) => why))).toEqual(
      new Set(['an earlier checkpoint of a training that is complete']),
    );
  });

  it(
    'keeps what is young, and the newest plan with its shards; removes a version that nothing needs',
    { timeout: TIMEOUT_MS },
    async () => {
      const { store, other } = await withAnotherVersion();
      expect(await findGarbage(store, { before: new Date(Date.now() - 3_600_000) })).toEqual([]);
      const shards = other.shards.map(({ path }) => path);
      const planned = (await findGarbage(store, { before: LATER })).map(({ path }) => path);
      expect(planned).toContain(storePaths.manifest(other.name, other.version));
      expect(planned.filter((path) => shards.includes(path))).toEqual([]);

      for (const path of await store.list(`${storePaths.dataset(other.name)}/plans`)) {
        if ((await store.get(path)).toString() === JSON.stringify({ version: other.version }))
          await store.delete(path);
      }
      const garbage = await findGarbage(store, { before: LATER });
      expect(garbage.map(({ path }) => path)).toEqual(expect.arrayContaining(shards));
      const used = new Set(manifest.shards.map(({ path }) => path));
      expect(garbage.filter(({ path }) => used.has(path))).toEqual([]);

      const deleted = await collectGarbage(store, garbage, { before: LATER });
      expect(deleted).toHaveLength(garbage.length);
      expect(await findGarbage(store, { before: LATER })).toEqual([]);
      expect((await verifyStore(store)).findings).toEqual([]);
      expect(await rebuild(store, config)).toEqual(manifest);
    },
  );

  it('keeps a version that is named between the look and the removal', { timeout: TIMEOUT_MS }, async () => {
    const { store, other } = await withAnotherVersion();
    const garbage = await findGarbage(store, { before: LATER });
    const { name, version } = other;
    await store.put(storePaths.runDataset('other'), JSON.stringify({ name, version }));
    const deleted = await collectGarbage(store, garbage, { before: LATER });
    expect(deleted.map(({ path }) => path)).not.toContain(storePaths.manifest(name, version));
    expect((await verifyStore(store)).findings).toEqual([]);
  });

  it('does nothing where a record that names others cannot be read', async () => {
    const store = await copyOfStore();
    await store.put(storePaths.runDataset(RUN), '');
    await expect(findGarbage(store, { before: LATER })).rejects.toMatchObject({
      ...{ kind: 'input', where: `${store.uri}/${storePaths.runDataset(RUN)}` },
    });
  });

  it('removes the scratch of processes that were killed, once it is old', async () => {
    const store = await copyOfStore();
    const scratch = await store.scratchFolder();
    await writeFile(join(scratch, 'shard.arrow'), 'half');
    const old = new Date(Date.now() - 4 * 24 * 3_600_000);
    await utimes(join(scratch, 'shard.arrow'), old, old);
    const found = await findGarbage(store, { before: new Date(Date.now() - 3_600_000) });
    expect(found.map(({ why }) => why)).toEqual(['scratch of a process that was killed']);
  });
});
