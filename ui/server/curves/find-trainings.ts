/** The trainings of a store: each that has written metrics. */
import type { Store } from '../../../pipelines/store/store.ts';
import { Kept } from '../kept.ts';
import { storePaths } from '../../../schemas/names.ts';

const KEPT_MS = 4_000;
const kept = new Kept<readonly string[]>(8, KEPT_MS);

/** Ids, sorted. */
export async function findTrainings(store: Store): Promise<readonly string[]> {
  return await kept.get(store.uri, async () => {
    const paths = await store.list(storePaths.runs);
    return paths.flatMap((path) => {
      const [, id, file, deeper] = path.split('/');
      return file === 'metrics.jsonl' && deeper === undefined && id !== undefined ? [id] : [];
    });
  });
}
