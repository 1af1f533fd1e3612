/** Kernels that are compiled from other sources are told from those of this version. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  instructionsFor,
  NATIVE_SOURCES,
  nativeSourcesHash,
  nativeStampPath,
  whyNotUsable,
} from '../../../../pipelines/engine/kernels/native-sources.ts';
import { parseFeatures } from '../../../../pipelines/process/processor-features.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-native-sources-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('knows the kernels of other sources or another processor, and those that nothing is known about', () => {
  const sources = join(folder, 'native');
  const stamp = join(folder, 'stamp.json');
  const why = (features: string) => whyNotUsable(stamp, sources, parseFeatures(`flags : ${features}`));
  const known = { input: 'x', librarySha256: 'y' };
  cpSync(NATIVE_SOURCES, sources, { recursive: true });
  expect(why('avx2')).toContain('other sources');
  writeFileSync(stamp, JSON.stringify(known));
  expect(why('avx2')).toContain('other sources');
  const ofThese = { ...known, sources: nativeSourcesHash(sources) };
  writeFileSync(stamp, JSON.stringify(ofThese));
  expect(why('')).toBeUndefined();
  writeFileSync(stamp, JSON.stringify({ ...ofThese, instructions: ['avx2', 'avx512f'] }));
  expect(why('avx2 avx512f')).toBeUndefined();
  expect(why('avx2')).toBe('they are compiled for a processor with avx512f, which this one has not');
  writeFileSync(join(sources, 'vector.h'), '// another');
  expect(why('avx2 avx512f')).toContain('other sources');
});

it('finds that the kernels of this machine are those of this version', () => {
  expect(whyNotUsable(nativeStampPath(8))).toBeUndefined();
});

it('builds sixteen lanes where the processor has all of the instructions, and eight anywhere', () => {
  const has = (features: string) => parseFeatures(`flags : ${features}`);
  const long = 'avx512f avx512vl avx512bw avx512dq';
  const isX64 = process.arch === 'x64';
  expect(instructionsFor(8, has(''))).toEqual([]);
  expect(instructionsFor(8, has('avx2 fma'))).toEqual(isX64 ? ['avx2', 'fma'] : []);
  expect(instructionsFor(16, has('avx2 fma avx512f'))).toBeUndefined();
  expect(instructionsFor(16, has(`${long} fma avx2`))).toEqual(
    isX64 ? ['avx2', 'fma', ...long.split(' ')] : undefined,
  );
});
