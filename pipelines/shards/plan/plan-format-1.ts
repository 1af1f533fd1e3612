/** Plans of format 1, header and shards in one file: found, and written as plans are written now. */
import { storePaths } from '../../../schemas/names.ts';
import type { Store } from '../../store/store.ts';
import { openPlan } from './plan-file.ts';
import { writePlan } from './plan-writer.ts';

const PATH = /^datasets\/([^/]+)\/plans\/([^/-]+)\.jsonl$/u;

/** Whether the file at `path` is such a plan; the body of one of today has a hash in its name. */
export async function findFormat1(store: Store, path: string): Promise<boolean> {
  return PATH.test(path) && (await store.exists(path));
}

/**
 * The new plan is there before the old one goes.
 *
 * @throws ModalmixError `input` when it is damaged
 */
export async function convertFormat1(store: Store, path: string): Promise<void> {
  const [, name = '', version = ''] = PATH.exec(path) ?? [];
  if (!(await store.exists(storePaths.plan(name, version)))) {
    const plan = await openPlan(store, name, version);
    const { shards: _, ...content } = plan.header;
    await writePlan(store, content, plan.lines());
  }
  await store.delete(path);
}
