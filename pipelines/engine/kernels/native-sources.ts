/** Where our own operators (`../native/`) are, and whether they are compiled from the sources that there are. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** What set-up writes beside the library. */
export const nativeStampSchema = z.object({
  /** Of the sources, the processor's flags and the libtensorflow. */
  input: z.string(),
  /** `nativeSourcesHash` of what the library was compiled from. */
  sources: z.string(),
  librarySha256: z.string(),
});

/** The folder of the sources. */
export const NATIVE_SOURCES = fileURLToPath(new URL('../native', import.meta.url));

/** Where set-up puts the library: it belongs to the very TensorFlow that it is linked with. */
export function nativeLibraryPath(): string {
  return join(tensorflowFolder(), 'lib', 'napi-v8', 'modalmix_kernels.node');
}

/** Where set-up notes what it has compiled: `nativeStampSchema`, as JSON. */
export function nativeStampPath(): string {
  return join(tensorflowFolder(), 'modalmix-kernels.json');
}

/** Of the sources' names and bytes, as hexadecimal SHA-256. */
export function nativeSourcesHash(folder = NATIVE_SOURCES): string {
  const hash = createHash('sha256');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  for (const name of names.toSorted()) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(folder, name)))
      .update('\0');
  }
  return hash.digest('hex');
}

/**
 * Whether the library is known to be compiled from the sources that there are. Operators of other sources may have other
 * inputs.
 *
 * @param stampPath see `nativeStampPath`
 */
export function isOfTheseSources(stampPath = nativeStampPath(), folder = NATIVE_SOURCES): boolean {
  let stamp: unknown;
  try {
    stamp = JSON.parse(readFileSync(stampPath, 'utf8'));
  } catch {
    return false;
  }
  const { success, data } = nativeStampSchema.safeParse(stamp);
  return success && data.sources === nativeSourcesHash(folder);
}

function tensorflowFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
}
