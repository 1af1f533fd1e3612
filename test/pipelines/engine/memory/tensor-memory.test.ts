/** The memory of large tensors: blocks keep what is written to them, and no more is held than was needed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  TENSOR_MEMORY_PATH,
  tensorMemoryEnvironment,
} from '../../../../pipelines/engine/memory/tensor-memory.ts';

const MIB = 2 ** 20;
const PAGE = 2 * MIB;
const SPARE_PAGES = 4;

const drivenSchema = z.strictObject({
  wrong: z.number(),
  misplaced: z.number(),
  mostLive: z.number(),
  mostHeld: z.number(),
  mostNeeded: z.number(),
  oneForAll: z.boolean(),
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test.runIf(process.platform === 'linux')(
  'blocks that come and go keep their bytes, in little more memory than the most of them need at once',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'modalmix-tensor-memory-'));
    const driver = join(folder, 'driver');
    const source = fileURLToPath(new URL('tensor-memory-driver.cc', import.meta.url));
    await execa(process.env['CXX'] ?? 'c++', ['-std=c++17', '-O1', '-Wall', '-Werror', source, '-o', driver]);
    const { stdout } = await execa(driver);
    await rm(folder, { recursive: true });
    const found = drivenSchema.parse(JSON.parse(stdout));
    expect(found).toMatchObject({ wrong: 0, misplaced: 0, oneForAll: true });
    expect(found.mostLive).toBeGreaterThan(200 * MIB);
    expect(found.mostHeld).toBeLessThanOrEqual(found.mostNeeded + SPARE_PAGES * PAGE);
    expect(found.mostHeld).toBeLessThan(1.25 * found.mostLive);
  },
);

test.runIf(process.platform === 'linux')(
  'a process that is started with it has it before the C library',
  async () => {
    const script = "console.log(require('fs').readFileSync('/proc/self/maps', 'utf8'))";
    const { stdout } = await execa(process.execPath, ['-e', script], { env: tensorMemoryEnvironment() });
    expect(stdout).toContain(TENSOR_MEMORY_PATH);
  },
);

test('without the library, or where another one stands there, nothing is set', () => {
  expect(tensorMemoryEnvironment('/no/such/library.so')).toEqual({});
  vi.stubEnv('LD_PRELOAD', '/another.so');
  expect(tensorMemoryEnvironment(fileURLToPath(import.meta.url))).toEqual({});
});
