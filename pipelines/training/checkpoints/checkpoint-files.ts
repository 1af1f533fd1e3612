/** Checkpoints as files of the store: brought there whole or not at all, listed, and deleted when they are old. */
import { copyFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storePaths } from '../../../schemas/names.ts';
import { asFileError } from '../../store/file-errors.ts';
import type { Store } from '../../store/store.ts';

/**
 * Brings what `write` writes into the store under every path given, each of them whole or not at all, in their order.
 *
 * @param write takes the path of a local file that does not exist yet, and returns when it is complete
 * @throws ModalmixError `transient` when the disk is full, as the store does
 */
export async function publishFile(
  store: Store,
  paths: readonly string[],
  write: (file: string) => void | Promise<void>,
): Promise<void> {
  await sendFile(store, paths, await writeAside(store, write));
}

/**
 * A new local file, in a folder of its own.
 *
 * @param write see `publishFile`
 */
export async function writeAside(
  store: Store,
  write: (file: string) => void | Promise<void>,
): Promise<string> {
  const folder = await store.scratchFolder();
  const file = join(folder, 'file');
  try {
    await write(file);
    return file;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw asFileError(error, folder);
  }
}

/** Brings a file of `writeAside` into the store as `publishFile` does; the file and its folder are gone afterwards. */
export async function sendFile(store: Store, paths: readonly string[], file: string): Promise<void> {
  const folder = dirname(file);
  try {
    for (const [place, path] of paths.entries()) {
      const isLast = place === paths.length - 1;
      const copy = join(folder, String(place));
      if (!isLast) await copyFile(file, copy);
      await store.putFile(path, isLast ? file : copy, { readAgain: false });
    }
  } catch (error) {
    throw asFileError(error, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Deletes all checkpoints but the newest `keepLast`. */
export async function dropOldCheckpoints(store: Store, trainingId: string, keepLast: number): Promise<void> {
  const paths = await checkpointPaths(store, trainingId);
  for (const path of paths.slice(keepLast)) await store.delete(path);
}

/** Newest first. */
export async function checkpointPaths(store: Store, trainingId: string): Promise<string[]> {
  const paths = await store.list(storePaths.checkpoints(trainingId));
  return paths.filter((path) => /\/step-\d+\.safetensors$/u.test(path)).reverse();
}
