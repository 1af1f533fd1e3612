/** One suite for every kind of store: what a reader and a writer may rely on. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';

let folder: string;
let server: S3Server;
let stores = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-store-'));
  server = await startS3Server();
  await server.makeBucket('lab');
  Object.assign(process.env, server.env, { [ENVIRONMENT.home]: join(folder, 'home') });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const KINDS = {
  file: () => `file:${join(folder, `store-${String((stores += 1))}`)}`,
  s3: () => `s3://lab/stores/${String((stores += 1))}`,
};

describe.each(Object.entries(KINDS))('a store of kind %s', (_, newUri) => {
  const newStore = (): Store => openStore(newUri());

  it('gives back the bytes that were put, also through another opening of it', async () => {
    const store = newStore();
    await store.put('runs/a/config.json', '{"ä":1}');
    await store.put('runs/a/weights', Uint8Array.of(0, 255, 7));
    await store.put('runs/a/nothing', '');
    expect((await store.get('runs/a/config.json')).toString()).toBe('{"ä":1}');
    expect([...(await store.get('runs/a/weights'))]).toEqual([0, 255, 7]);
    expect((await store.get('runs/a/nothing')).length).toBe(0);
    const again = openStore(store.uri);
    expect(again.uri).toBe(store.uri);
    expect((await again.get('runs/a/weights')).length).toBe(3);
  });

  it('tells the size of a blob and gives a part of it', async () => {
    const store = newStore();
    await store.put('plan', 'first line\nsecond line\n');
    expect(await store.size('plan')).toBe(23);
    expect(await store.size('plans')).toBeUndefined();
    expect((await store.range('plan', 11, 6)).toString()).toBe('second');
    expect((await store.range('plan', 23, 0)).length).toBe(0);
    await expect(store.range('plan', 20, 10)).rejects.toMatchObject({ kind: 'input' });
    await expect(store.range('plan', 4, -2)).rejects.toMatchObject({ kind: 'input' });
    await expect(store.range('plan', -4, 2)).rejects.toMatchObject({ kind: 'input' });
    await expect(store.range('plans', 0, 1)).rejects.toMatchObject({ message: 'nothing is stored there' });
  });

  it('shows the old bytes or the new ones while they are replaced, never a part', async () => {
    const store = newStore();
    const versions = ['a', 'b'].map((letter) => letter.repeat(1 << 20));
    await store.put('model', versions[0]!);
    const progress = { writing: true };
    const writer = (async () => {
      for (let round = 0; round < 10; round += 1) await store.put('model', versions[round % 2]!);
      progress.writing = false;
    })();
    const seen = new Set<string>();
    while (progress.writing) {
      seen.add((await store.get('model')).toString());
      seen.add(await readFile(await store.localFile('model'), 'utf8'));
    }
    await writer;
    for (const bytes of seen) expect(versions.includes(bytes)).toBe(true);
  });

  it('lets many writers of one name leave one of their versions whole', async () => {
    const store = newStore();
    const versions = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(versions.map(async (bytes) => await store.put('models/m/current.json', bytes)));
    expect(versions).toContain((await store.get('models/m/current.json')).toString());
    expect(await store.list('models')).toEqual(['models/m/current.json']);
  });

  it('lets exactly one of many creators of a name succeed, with its own bytes', async () => {
    const store = newStore();
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => await store.create('models/m/versions/1.json', String(i))),
    );
    const winners = answers.flatMap((won, i) => (won ? [String(i)] : []));
    expect(winners).toHaveLength(1);
    expect((await store.get('models/m/versions/1.json')).toString()).toBe(winners[0]);
    expect(await store.create('models/m/versions/1.json', 'later')).toBe(false);
    await store.delete('models/m/versions/1.json');
    expect(await store.create('models/m/versions/1.json', 'anew')).toBe(true);
  });

  it('lists what lies under a folder, sorted, and not what only begins alike', async () => {
    const store = newStore();
    for (const path of ['d/b', 'd/a/2', 'd/a/10', 'd2/x', 'e']) await store.put(path, path);
    expect(await store.list('d')).toEqual(['d/a/10', 'd/a/2', 'd/b']);
    expect(await store.list('d/')).toEqual(['d/a/10', 'd/a/2', 'd/b']);
    expect(await store.list('nothing')).toEqual([]);
  });

  it('says so when nothing is stored, and finds nothing then', async () => {
    const store = newStore();
    const nothing = { kind: 'input', message: 'nothing is stored there' };
    await expect(store.get('runs/none')).rejects.toMatchObject(nothing);
    await expect(store.localFile('runs/none')).rejects.toMatchObject(nothing);
    expect(await store.find('runs/none')).toBeUndefined();
    expect(await store.exists('runs/none')).toBe(false);
    await store.put('file', '');
    expect(await store.find('file/below')).toBeUndefined();
    expect(await store.exists('file')).toBe(true);
  });

  it('never leaves its folder', async () => {
    const store = newStore();
    for (const path of ['../secret', 'runs/../../secret', '/etc/hostname', '../store-beside/x']) {
      await expect(store.get(path)).rejects.toMatchObject({ kind: 'internal' });
      await expect(store.put(path, 'overwritten')).rejects.toMatchObject({ kind: 'internal' });
      await expect(store.delete(path)).rejects.toMatchObject({ kind: 'internal' });
    }
  });

  it('moves a finished file in, small or large, and gives local files and scratch folders', async () => {
    const store = newStore();
    const scratch = [await store.scratchFolder(), await store.scratchFolder()];
    expect(new Set(scratch).size).toBe(2);
    for (const bytes of [Buffer.from('rows'), randomBytes(40 << 20)]) {
      const file = join(scratch[0]!, 'shard');
      await writeFile(file, bytes);
      await store.putFile('datasets/d/shards/train-0.arrow', file);
      expect(await readdir(dirname(file))).toEqual([]);
      const local = await store.localFile('datasets/d/shards/train-0.arrow');
      expect((await readFile(local)).equals(bytes)).toBe(true);
      expect((await store.get('datasets/d/shards/train-0.arrow')).equals(bytes)).toBe(true);
    }
  });

  it('gives a local file of what is stored now, not of what was', async () => {
    const store = newStore();
    for (const version of ['one', 'two']) {
      await store.put('models/m/current.json', version);
      expect(await readFile(await store.localFile('models/m/current.json'), 'utf8')).toBe(version);
    }
  });

  it('deletes a blob or a folder, and does not mind that it is gone', async () => {
    const store = newStore();
    for (const path of ['runs/a/1', 'runs/a/b/2', 'runs/ab', 'runs/b']) await store.put(path, 'x');
    await store.delete('runs/a');
    await store.delete('runs/a');
    await store.delete('runs/b');
    expect(await store.list('runs')).toEqual(['runs/ab']);
  });
});

describe('addresses of stores', () => {
  it('may be written in two ways for a folder', async () => {
    const root = join(folder, 'two ways');
    await openStore(`file:${root}`).put('a', '1');
    expect((await openStore(pathToFileURL(root).href).get('a')).toString()).toBe('1');
  });

  it('may have slashes too many for a bucket', async () => {
    expect(openStore('s3://lab/a//b/').uri).toBe('s3://lab/a/b');
    expect(openStore('s3://lab').uri).toBe('s3://lab');
    await openStore('s3://lab/whole/').put('x', '1');
    expect(await openStore('s3://lab').list('whole')).toEqual(['whole/x']);
  });

  it('are refused when their kind is unknown or they name no bucket', () => {
    for (const uri of ['gs://bucket/x', 's3://', 's3://Bad_Bucket/x', 's3:bucket']) {
      expect(() => openStore(uri)).toThrow(
        expect.objectContaining({ kind: 'config', where: 'store' }) as Error,
      );
    }
  });
});
