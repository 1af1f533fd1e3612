import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import { searchConfigSchema, type SearchConfig } from '../../schemas/config/search.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Store } from '../store/store.ts';

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
  const parsed = searchConfigSchema.safeParse(JSON.parse((await store.get(path)).toString('utf8')));
  const base = runConfigSchema.safeParse(parsed.data?.base);
  if (parsed.success && base.success) return { config: parsed.data, base: base.data };
  throw new ModalmixError('input', 'the search was started by another release of Modalmix', {
    where: `${store.uri}/${path}`,
    fix: 'Start it again from its file.',
    cause: parsed.error ?? base.error,
  });
}
