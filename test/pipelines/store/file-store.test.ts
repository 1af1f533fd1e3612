import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../pipelines/store/open-store.ts';

async function newStore() {
  const parent = await mkdtemp(join(tmpdir(), 'modalmix-store-'));
  onTestFinished(async () => {
    await rm(parent, { recursive: true, force: true });
  });
  const root = join(parent, 'store');
  return { parent, root, store: openStore(`file:${root}`) };
}

describe('a store in a folder', () => {
  it('leaves nothing temporary behind, and lists nothing half-written', async () => {
    const { root, store } = await newStore();
    await Promise.all(['d/a', 'd/b', 'd/c'].map(async (path) => await store.put(path, path)));
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
    await mkdir(join(root, '.tmp'), { recursive: true });
    await writeFile(join(root, '.tmp', 'left-by-a-crash'), 'half');
    expect(await store.list('d')).toEqual(['d/a', 'd/b', 'd/c']);
  });

  it('touches nothing beside its folder', async () => {
    const { parent, store } = await newStore();
    await writeFile(join(parent, 'secret'), 'kept');
    await expect(store.put('../secret', 'overwritten')).rejects.toMatchObject({ kind: 'internal' });
    expect(await readFile(join(parent, 'secret'), 'utf8')).toBe('kept');
  });

  it('gives its own files as local files: nothing is copied', async () => {
    const { root, store } = await newStore();
    await store.put('a/b', 'x');
    expect(await store.localFile('a/b')).toBe(join(root, 'a', 'b'));
  });
});
