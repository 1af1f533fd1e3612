/** A file written past the system's cache, on the disk of this machine. */
import { randomBytes } from 'node:crypto';
import { open, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DirectFile } from '../../../../../pipelines/shards/write/batches/direct-file.ts';
import { newFolder } from '../../fixtures.ts';

/** Two writes to the disk and an end that is no whole block. */
const BYTES = 2 * 4 * 2 ** 20 + 12_345;

test('what is written in chunks of any size is in the file, and was looked at, in order', async () => {
  const path = join(newFolder(), 'file');
  const bytes = randomBytes(BYTES);
  const seen: Buffer[] = [];
  const file = await open(path, 'wx');
  const direct = over(file);
  for (let start = 0, length = 1; start < BYTES; start += length, length = 3 * length + 1) {
    const chunk = bytes.subarray(start, start + length);
    await direct.write(chunk, (piece) => seen.push(Buffer.from(piece)));
  }
  await direct.finish();
  await direct.close();
  await file.close();
  expect(bytes.equals(await readFile(path))).toBe(true);
  expect(bytes.equals(Buffer.concat(seen))).toBe(true);
});

test('a write that fails is told by the next one, and the file can still be closed', async () => {
  const path = join(newFolder(), 'file');
  await writeFile(path, '');
  const file = await open(path, 'r');
  const direct = over(file);
  await expect(direct.write(randomBytes(BYTES), () => undefined)).rejects.toThrow('EBADF');
  await direct.close();
  await file.close();
});

test('what the system keeps in no file cannot be written so', async () => {
  const file = await open('/dev/null', 'w');
  expect(DirectFile.over(file)).toBeUndefined();
  await file.close();
});

function over(file: FileHandle): DirectFile {
  const direct = DirectFile.over(file);
  if (direct === undefined)
    throw new Error('the shard kernels are not compiled, or the disk takes no direct writes');
  return direct;
}
