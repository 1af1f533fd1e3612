import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../pipelines/store/store.ts';

async function newStore() {
  const parent = await mkdtemp(join(tmpdir(), 'modalmix-store-'));
  onTestFinished(async () => {
    await rm(parent, { recursive: true, force: true });
  });
  const root = join(parent, 'store');
  return { parent, root, store: openStore(`file:${root}`) };
}

describe('a store in a folder', () => {
  it('gives back the bytes that were put, under both forms of its address', async () => {
    const { root, store } = await newStore();
    await store.put('runs/a/config.json', '{"ä":1}');
    await store.put('runs/a/weights', Uint8Array.of(0, 255, 7));
    expect((await store.get('runs/a/config.json')).toString()).toBe('{"ä":1}');
    expect([...(await store.get('runs/a/weights'))]).toEqual([0, 255, 7]);
    expect((await openStore(pathToFileURL(root).href).get('runs/a/weights')).length).toBe(3);
    expect(store.uri).toBe(pathToFileURL(root).href);
  });

  it('shows the old bytes or the new ones while they are replaced, never a part', async () => {
    const { store } = await newStore();
    const versions = ['a', 'b'].map((letter) => letter.repeat(1 << 20));
    await store.put('model', versions[0] ?? '');
    const progress = { writing: true };
    const writer = (async () => {
      for (let round = 0; round < 10; round += 1) await store.put('model', versions[round % 2] ?? '');
      progress.writing = false;
    })();
    const seen = new Set<string>();
    while (progress.writing) seen.add((await store.get('model')).toString());
    await writer;
    for (const bytes of seen) expect(versions).toContain(bytes);
  });

  it('lets many writers of one name leave one of their versions whole', async () => {
    const { root, store } = await newStore();
    const versions = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(versions.map(async (bytes) => await store.put('models/m/current.json', bytes)));
    expect(versions).toContain((await store.get('models/m/current.json')).toString());
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
  });

  it('lists what lies under a folder, sorted, and nothing half-written', async () => {
    const { root, store } = await newStore();
    for (const path of ['d/b', 'd/a/2', 'd/a/10', 'e/x']) await store.put(path, path);
    await mkdir(join(root, '.tmp'), { recursive: true });
    await writeFile(join(root, '.tmp', 'left-by-a-crash'), 'half');
    expect(await store.list('d')).toEqual(['d/a/10', 'd/a/2', 'd/b']);
    expect(await store.list('nothing')).toEqual([]);
  });

  it('says so when nothing is stored, and finds nothing then', async () => {
    const { store } = await newStore();
    await expect(store.get('runs/none')).rejects.toMatchObject({
      kind: 'input',
      message: 'nothing is stored there',
    });
    await expect(store.localFile('runs/none')).rejects.toMatchObject({ kind: 'input' });
    expect(await store.find('runs/none')).toBeUndefined();
    expect(await store.exists('runs/none')).toBe(false);
    await store.put('file', '');
    expect(await store.find('file/below')).toBeUndefined();
    expect(await store.exists('file')).toBe(true);
  });

  it('never leaves its folder', async () => {
    const { parent, store } = await newStore();
    await writeFile(join(parent, 'secret'), 'kept');
    for (const path of ['../secret', 'runs/../../secret', '/etc/hostname', '../store-beside/x']) {
      await expect(store.get(path)).rejects.toMatchObject({ kind: 'internal' });
      await expect(store.put(path, 'overwritten')).rejects.toMatchObject({ kind: 'internal' });
      await expect(store.delete(path)).rejects.toMatchObject({ kind: 'internal' });
    }
    expect(await readFile(join(parent, 'secret'), 'utf8')).toBe('kept');
  });

  it('moves a finished file in, and gives a local file and scratch folders of their own', async () => {
    const { root, store } = await newStore();
    const scratch = [await store.scratchFolder(), await store.scratchFolder()];
    expect(new Set(scratch).size).toBe(2);
    const file = join(scratch[0] ?? '', 'shard');
    await writeFile(file, 'rows');
    await store.putFile('datasets/d/shards/train-0.arrow', file);
    expect(await readdir(dirname(file))).toEqual([]);
    const local = await store.localFile('datasets/d/shards/train-0.arrow');
    expect(local.startsWith(root)).toBe(true);
    expect(await readFile(local, 'utf8')).toBe('rows');
  });

  it('deletes a blob or a folder, and does not mind that it is gone', async () => {
    const { store } = await newStore();
    await store.put('runs/a/1', 'x');
    await store.put('runs/b', 'x');
    await store.delete('runs/a');
    await store.delete('runs/a');
    expect(await store.list('runs')).toEqual(['runs/b']);
  });

  it('opens no address of a kind it does not know', () => {
    expect(() => openStore('gs://bucket/x')).toThrow(
      expect.objectContaining({ kind: 'config', where: 'store' }) as Error,
    );
  });
});
