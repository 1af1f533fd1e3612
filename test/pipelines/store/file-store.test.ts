import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
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

  it('clears what killed processes left, and nothing of those that work', async () => {
    const { root, store } = await newStore();
    const script = `
      const { openStore } = await import(${JSON.stringify(new URL('../../../pipelines/store/open-store.ts', import.meta.url).href)});
      console.log(await openStore(${JSON.stringify(`file:${root}`)}).scratchFolder());
      setInterval(() => undefined, 1000);`;
    const start = () =>
      execa(process.execPath, ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script], {
        reject: false,
      });
    const scratchOf = async (child: ReturnType<typeof start>) =>
      await new Promise<string>((resolve) =>
        child.stdout.on('data', (text: Buffer) => {
          resolve(text.toString().trim());
        }),
      );
    const [killed, working] = [start(), start()];
    try {
      const [left, used] = await Promise.all([scratchOf(killed), scratchOf(working)]);
      killed.kill('SIGKILL');
      await killed;
      const other = 'scratch-00000000-1-1-6f5a3005-ac99-4edb-8a3b-0123456789ab';
      await mkdir(join(root, '.tmp', other));
      const own = await store.scratchFolder();
      const names = await readdir(join(root, '.tmp'));
      expect(names.sort()).toEqual([basename(used), basename(own), other].sort());
      expect(names).not.toContain(basename(left));
    } finally {
      working.kill('SIGKILL');
      await working;
    }
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
