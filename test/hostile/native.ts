/**
 * Our C++ that what clips hold gets to (`native/kernels.cc` names it), with arguments as damaged files might make them,
 * guided by coverage: GCC counts which code is reached, AddressSanitizer and UndefinedBehaviorSanitizer watch.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { z } from 'zod';

const FOLDER = fileURLToPath(new URL('./native/', import.meta.url));
const HEADERS = fileURLToPath(new URL('../../node_modules/node-api-headers/include', import.meta.url));
const FLAGS = [
  ...['-std=c++17', '-O1', '-g', '-march=native', '-ffp-contract=off', '-I', HEADERS],
  ...['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
];

const figuresSchema = z.object({
  calls: z.int(),
  taken: z.int(),
  refused: z.int(),
  /** Inputs that reached what none before had. */
  kept: z.int(),
  /** Ways from one block of code to the next. */
  places: z.int(),
});
export type NativeFigures = z.infer<typeof figuresSchema>;

/** @throws the sanitizer's words, and the bytes that show the fault (`driver <bytes>` plays them again) */
export async function tryHostileCalls(seed: number, calls: number): Promise<NativeFigures> {
  const work = await mkdtemp(join(tmpdir(), 'modalmix-hostile-native-'));
  try {
    const [kernels, driver] = [join(work, 'kernels.o'), join(work, 'driver')];
    const watched = [...FLAGS, '-fsanitize-coverage=trace-pc', '-c', join(FOLDER, 'kernels.cc')];
    await execa('g++', [...watched, '-o', kernels]);
    await execa('g++', [...FLAGS, join(FOLDER, 'driver.cc'), kernels, '-o', driver]);
    const { stdout } = await execa(driver, [String(calls), String(seed)]);
    return figuresSchema.parse(JSON.parse(stdout));
  } finally {
    await rm(work, { recursive: true });
  }
}
