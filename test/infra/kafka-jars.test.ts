import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { pinnedJars, requireClassPath, requireJava, verifyJars } from '../../infra/kafka/jars.ts';

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
