/** Our kernels with sixteen lanes give the very bytes of those with eight. */
import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { nodeWithTypeScript } from '../../../../infra/supervisor/supervise.ts';
import {
  instructionsFor,
  NATIVE_SOURCES,
  nativeLibraryPath,
  nativeStampPath,
  whyNotUsable,
  type Lanes,
} from '../../../../pipelines/engine/kernels/native-sources.ts';

const CHILD = fileURLToPath(new URL('hash-operators.ts', import.meta.url));

async function hashesOf(lanes: Lanes): Promise<Readonly<Record<string, readonly string[]>>> {
  const { program, args } = nodeWithTypeScript();
  const { stdout } = await execa(program, [...args, CHILD, nativeLibraryPath(lanes)]);
  return JSON.parse(stdout) as Record<string, readonly string[]>;
}

it('each operator’s outputs are the same with sixteen lanes as with eight, or eight alone are built', async () => {
  const eight = await hashesOf(8);
  const tried = new Set(Object.keys(eight).map((name) => `Modalmix${name.split(' ')[0]!}`));
  const source = readFileSync(join(NATIVE_SOURCES, 'kernels.cc'), 'utf8');
  const registered = [...source.matchAll(/\{"(Modalmix\w+)"/gu)].map(([, name]) => name!);
  expect([...tried].sort()).toEqual(registered.toSorted());

  // A machine without AVX-512 has nothing to compare.
  const hasWide = instructionsFor(16) !== undefined;
  expect(whyNotUsable(nativeStampPath(16)) === undefined).toBe(hasWide);
  if (hasWide) expect(await hashesOf(16)).toEqual(eight);
});
