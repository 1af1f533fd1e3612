/** Rows that shards of earlier versions have already: whose features need not be computed again. */
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Store } from '../../store/store.ts';
import { findShard } from '../manifest/shard-entries.ts';
import { openPlan, planExists, type OpenPlan, type PlanClip, type PlanLine } from './plan-file.ts';

/** How many plans back rows are looked for. */
const PLANS_SEARCHED = 8;

const latestSchema = z.object({ version: z.string() });

export async function readLatest(store: Store, path: string): Promise<string | undefined> {
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  try {
    return latestSchema.parse(JSON.parse(bytes.toString('utf8'))).version;
  } catch {
    // It only says whose rows may be copied: without it they are extracted anew.
    return undefined;
  }
}

export async function previousOf(store: Store, name: string, version: string): Promise<string | undefined> {
  return (await findPlan(store, name, version))?.header.previous;
}

/** A damaged plan counts as none: this version's is written anew, an earlier one only says whose rows may be copied. */
export async function findPlan(store: Store, name: string, version: string): Promise<OpenPlan | undefined> {
  if (!(await planExists(store, name, version))) return undefined;
  try {
    const plan = await openPlan(store, name, version);
    // The header may be there without what it names.
    await plan.places()[Symbol.asyncIterator]().next();
    return plan;
  } catch (error) {
    if (error instanceof ModalmixError && error.kind === 'input') return undefined;
    throw error;
  }
}

async function* linesThatCanBeRead(plan: OpenPlan): AsyncGenerator<PlanLine> {
  try {
    yield* plan.lines();
  } catch (error) {
    if (!(error instanceof ModalmixError && error.kind === 'input')) throw error;
  }
}

/** Sets `reuse` on the clips whose features an earlier version's shard has. */
export async function findReusableRows(
  store: Store,
  name: string,
  latest: string | undefined,
  lines: readonly PlanLine[],
  sameFeatures: (clip: PlanClip) => string,
): Promise<void> {
  const wanted = new Map<string, PlanClip[]>();
  for (const clip of lines.flatMap((line) => line.clips)) {
    if (clip.problem !== undefined) continue;
    const key = sameFeatures(clip);
    const same = wanted.get(key);
    if (same === undefined) wanted.set(key, [clip]);
    else same.push(clip);
  }
  let version = latest;
  for (let depth = 0; depth < PLANS_SEARCHED && version !== undefined && wanted.size > 0; depth += 1) {
    const plan = await findPlan(store, name, version);
    if (plan === undefined) return;
    for await (const line of linesThatCanBeRead(plan)) {
      if (wanted.size === 0) break;
      if (!line.clips.some((old) => wanted.has(sameFeatures(old)))) continue;
      const entry = await findShard(store, name, line.split, line.key);
      if (entry === undefined) continue;
      const lost = new Set(entry.quarantined.map(({ clipId }) => clipId));
      for (const old of line.clips) {
        if (lost.has(old.clipId)) continue;
        for (const clip of wanted.get(sameFeatures(old)) ?? []) {
          clip.reuse = { split: line.split, key: line.key, clipId: old.clipId };
        }
        wanted.delete(sameFeatures(old));
      }
    }
    version = plan.header.previous;
  }
}
