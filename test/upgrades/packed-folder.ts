/** A folder in one file: brotli over its files' paths and lengths as a line of JSON, then their bytes. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { z } from 'zod';

const indexSchema = z.array(z.tuple([z.string(), z.int().nonnegative()]));
/** Equal files lie far from one another: a window of 16 MiB finds them. */
const OPTIONS = {
  params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 11 },
};

export async function packFolder(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const files = await Promise.all(
    paths.sort().map(async (path) => [relative(folder, path), await readFile(path)] as const),
  );
  const index = Buffer.from(`${JSON.stringify(files.map(([path, bytes]) => [path, bytes.length]))}\n`);
  return brotliCompressSync(Buffer.concat([index, ...files.map(([, bytes]) => bytes)]), OPTIONS);
}

/** @returns the files' bytes by path */
export function readPacked(packed: Buffer): Map<string, Buffer> {
  const whole = brotliDecompressSync(packed);
  const end = whole.indexOf(0x0a);
  let offset = end + 1;
  const index = indexSchema.parse(JSON.parse(whole.toString('utf8', 0, end)));
  return new Map(index.map(([path, bytes]) => [path, whole.subarray(offset, (offset += bytes))]));
}

export async function unpackFolder(packed: Buffer, folder: string): Promise<void> {
  for (const [path, bytes] of readPacked(packed)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
}
