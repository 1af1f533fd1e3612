/**
 * Where our own operators (`../native/`) are, with which lanes, and whether they are compiled from the sources that there
 * are. Builds with eight lanes and with sixteen give the same bits.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { processorFeatures } from '../../process/processor-features.ts';

/** Numbers that a kernel computes at once, by build; the fastest first. */
export const LANES = [16, 8] as const;
export type Lanes = (typeof LANES)[number];

/** What a build may use where the processor has all of it, as Linux calls it, and GCC after `-m`. */
const VECTORS = ['avx2', 'fma'] as const;
const LONG_VECTORS = [...VECTORS, 'avx512f', 'avx512vl', 'avx512bw', 'avx512dq'] as const;

/** What set-up writes beside the library. */
export const nativeStampSchema = z.object({
  /** Of the sources, the processor's flags and the libtensorflow. */
  input: z.string(),
  /** `nativeSourcesHash` of what the library was compiled from. */
  sources: z.string(),
  librarySha256: z.string(),
  /** That the processor must have. */
  instructions: z.array(z.string()).default([]),
});
export type NativeStamp = z.infer<typeof nativeStampSchema>;

/** The folder of the sources. */
export const NATIVE_SOURCES = fileURLToPath(new URL('../native', import.meta.url));

/**
 * The instructions that a build for this processor uses; undefined where it has none for so many lanes. Eight are built
 * anywhere: the compiler makes do with what there is.
 */
export function instructionsFor(lanes: Lanes, features = processorFeatures()): readonly string[] | undefined {
  const hasAll = (names: readonly string[]) =>
    process.arch === 'x64' && names.every((name) => features.has(name));
  if (lanes === 16) return hasAll(LONG_VECTORS) ? LONG_VECTORS : undefined;
  return hasAll(VECTORS) ? VECTORS : [];
}

/** Where set-up puts the library: it belongs to the very TensorFlow that it is linked with. */
export function nativeLibraryPath(lanes: Lanes): string {
  return join(tensorflowFolder(), 'lib', 'napi-v8', `modalmix_kernels${suffix(lanes, '_')}.node`);
}

/** Where set-up notes what it has compiled: `nativeStampSchema`, as JSON. */
export function nativeStampPath(lanes: Lanes): string {
  return join(tensorflowFolder(), `modalmix-kernels${suffix(lanes, '-')}.json`);
}

function suffix(lanes: Lanes, before: string): string {
  return lanes === 8 ? '' : `${before}${String(lanes)}`;
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
 * Why the library cannot be used: it is compiled from other sources than those that there are, whose operators may have
 * other inputs, or with instructions that this processor does not have.
 *
 * @param stampPath see `nativeStampPath`
 * @returns as the end of a sentence; undefined when it can be used
 */
export function whyNotUsable(
  stampPath: string,
  folder = NATIVE_SOURCES,
  features = processorFeatures(),
): string | undefined {
  const stamp = stampAt(stampPath);
  if (stamp?.sources !== nativeSourcesHash(folder))
    return 'they are compiled from other sources than those of this version';
  const missing = stamp.instructions.filter((name) => !features.has(name));
  if (missing.length === 0) return undefined;
  return `they are compiled for a processor with ${missing.join(', ')}, which this one has not`;
}

function stampAt(path: string): NativeStamp | undefined {
  try {
    return nativeStampSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function tensorflowFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
}
