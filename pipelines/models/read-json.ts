import type { z } from 'zod';
import { ModalmixError } from '../../schemas/errors.ts';
import type { Store } from '../store/store.ts';

/**
 * A JSON file of the store, parsed.
 *
 * @returns undefined when there is none
 * @throws ModalmixError `input` when it does not fit its schema
 */
export async function readJson<T>(store: Store, path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new ModalmixError('input', 'the file cannot be read', {
      where: `${store.uri}/${path}`,
      fix: 'It was written by another release, or damaged. Restore it from a copy of the store.',
      cause,
    });
  }
}
