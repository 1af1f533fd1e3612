import { z } from 'zod';
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import { searchConfigSchema, type SearchConfig } from '../../schemas/config/search.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';
import { parseStored } from '../store/stored-json.ts';

const withBase = z.object({ base: runConfigSchema });

/**
 * A search as the command that started it left it in the store, and its base with every default filled in.
 *
 * @throws ModalmixError `input` when there is none, or when it is of another release
 */
export async function readSearch(
  store: Store,
  searchId: string,
): Promise<{ readonly config: SearchConfig; readonly base: RunConfig }> {
  const path = storePaths.searchConfig(searchId);
  const [bytes, where] = [await store.get(path), `${store.uri}/${path}`];
  const config = parseStored(bytes, searchConfigSchema, where, 'restart');
  const { base } = parseStored(bytes, withBase, where, 'restart');
  return { config, base };
}
