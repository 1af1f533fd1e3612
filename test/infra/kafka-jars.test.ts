import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { fetchJars, jarSource } from '../../infra/kafka/fetch-jars.ts';
import {
  hasJars,
  jarsFolder,
  pinnedJars,
  requireClassPath,
  requireJava,
  verifyJars,
} from '../../infra/kafka/jars.ts';

afterEach(() => vi.unstubAllEnvs());

test('a jar that is not the pinned one is refused by name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-jars-'));
  const [first = ''] = pinnedJars().keys();
  await expect(verifyJars(folder)).rejects.toThrow('is missing');
  for (const name of pinnedJars().keys()) await writeFile(join(folder, name), 'not the released bytes');
  await expect(verifyJars(folder)).rejects.toMatchObject({ kind: 'dependency', where: join(folder, first) });
  await writeFile(join(folder, 'AAA.jar'), '');
  await expect(verifyJars(folder)).rejects.toThrow('is not one of the pinned jars');
});

test('without Java, or without the jars, the message says what to do', () => {
  vi.stubEnv('PATH', '');
  vi.stubEnv('JAVA_HOME', '');
  vi.stubEnv('MODALMIX_CACHE', '/nowhere');
  expect(requireJava).toThrow(
    expect.objectContaining({
      kind: 'dependency',
      fix: expect.stringContaining('install Java 17') as string,
    }),
  );
  expect(requireClassPath).toThrow(
    expect.objectContaining({ fix: expect.stringContaining('npm run setup') as string }),
  );
});

describe('where there is no Maven', () => {
  test('the jars come from the repository that is named, each as it is pinned', async () => {
    await fetchJars();
    const [released, cache] = [jarsFolder(), await mkdtemp(join(tmpdir(), 'modalmix-jars-'))];
    const byPath = new Map(
      [...pinnedJars()].map(([name, { path }]) => [`/maven2/${path}`, join(released, name)]),
    );
    let damaged = '';
    const server = createServer(({ url = '' }, response) => {
      const file = byPath.get(url);
      if (file === undefined) response.writeHead(404).end();
      else if (url === damaged) response.end('other bytes');
      else createReadStream(file).pipe(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      vi.stubEnv('PATH', '/nowhere');
      vi.stubEnv('MODALMIX_CACHE', cache);
      const { port } = server.address() as AddressInfo;
      vi.stubEnv('MODALMIX_MAVEN_REPOSITORY', `http://127.0.0.1:${String(port)}/maven2`);
      damaged = [...byPath.keys()][40]!;
      const refused = { kind: 'dependency', where: expect.stringContaining(basename(damaged)) as string };
      await expect(fetchJars()).rejects.toMatchObject(refused);
      expect(hasJars()).toBe(false);
      damaged = '';
      await fetchJars();
      expect(hasJars()).toBe(true);
      await verifyJars(jarsFolder());
    } finally {
      server.close();
      await rm(cache, { recursive: true, force: true });
    }
  });

  test('and no repository, or no address of one, the message says what to do', async () => {
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('MODALMIX_CACHE', '/nowhere');
    expect(jarSource()).toBeUndefined();
    await expect(fetchJars()).rejects.toMatchObject({
      kind: 'dependency',
      fix: expect.stringContaining('MODALMIX_MAVEN_REPOSITORY') as string,
    });
    vi.stubEnv('MODALMIX_MAVEN_REPOSITORY', 'my-repository');
    await expect(fetchJars()).rejects.toMatchObject({ kind: 'config', where: 'MODALMIX_MAVEN_REPOSITORY' });
  });
});
