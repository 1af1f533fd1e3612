/** Kernels that are compiled from other sources are told from those of this version. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  isOfTheseSources,
  NATIVE_SOURCES,
  nativeSourcesHash,
} from '../../../../pipelines/engine/kernels/native-sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-native-sources-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('knows the kernels of other sources, and those that nothing is known about', () => {
  const sources = join(folder, 'native');
  const stamp = join(folder, 'stamp.json');
  cpSync(NATIVE_SOURCES, sources, { recursive: true });
  expect(isOfTheseSources(stamp, sources)).toBe(false);
  writeFileSync(stamp, JSON.stringify({ input: 'x', librarySha256: 'y' }));
  expect(isOfTheseSources(stamp, sources)).toBe(false);
  writeFileSync(
    stamp,
    JSON.stringify({ input: 'x', sources: nativeSourcesHash(sources), librarySha256: 'y' }),
  );
  expect(isOfTheseSources(stamp, sources)).toBe(true);
  writeFileSync(join(sources, 'vector.h'), '// another');
  expect(isOfTheseSources(stamp, sources)).toBe(false);
});

it('finds that the kernels of this machine are those of this version', () => {
  expect(isOfTheseSources()).toBe(true);
});
