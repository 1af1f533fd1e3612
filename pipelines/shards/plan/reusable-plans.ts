/** The plans of earlier versions, in whose shards rows may lie that need not be computed again. */
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Store } from '../../store/store.ts';
import { openPlan, planExists, type OpenPlan, type PlanLine } from './plan-file.ts';

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

/** Its lines from the first one up to one that is damaged. */
export async function* linesThatCanBeRead(plan: OpenPlan): AsyncGenerator<PlanLine> {
  try {
    yield* plan.lines();
  } catch (error) {
    if (!(error instanceof ModalmixError && error.kind === 'input')) throw error;
  }
}
