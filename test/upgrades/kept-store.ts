/** Stores that earlier releases left, each unpacked into a folder of a test's own; `make-store.ts` says how they are made. */
import { cp, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { openStore } from '../../pipelines/store/open-store.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { getStored } from '../../pipelines/store/stored-json.ts';
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import { storePaths } from '../../schemas/names.ts';
import { unpackFolder } from './packed-folder.ts';

/**
 * `2026-11-24` is of commit 7d19b1b, made by its functions without a server: plans of format 1, manifests that are not signed,
 * stream manifests of format 1, B-MM's rule without a name. Its clips are those of the other one.
 */
export const STORES = ['2026-11-24', '2026-11-30'] as const;
export const NEWEST = STORES[1];

const numbers = z.array(z.number());
const expectedSchema = z.looseObject({
  runId: z.string(),
  model: z.string(),
  /** The training that was left in the middle, and what came of it when it was not. */
  left: z.looseObject({
    trainingId: z.string(),
    steps: z.int(),
    sha256: z.string(),
    metrics: z.array(z.looseObject({ epoch: z.int(), loss: z.number() })),
  }),
  /** Where it was made. */
  folder: z.string(),
  predicted: z
    .array(
      z.looseObject({ path: z.string().optional(), fused: z.object({ probabilities: numbers }).optional() }),
    )
    .default([]),
});

export interface KeptStore {
  readonly folder: string;
  readonly store: Store;
  readonly expected: z.infer<typeof expectedSchema>;
  /** The run's, with the clips where they are now. */
  readonly config: RunConfig;
}

export async function openKept(name: (typeof STORES)[number]): Promise<KeptStore> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-kept-'));
  for (const one of new Set([NEWEST, name])) {
    const into = one === name ? folder : join(folder, 'newest');
    await unpackFolder(await readFile(new URL(`./stores/${one}.store.br`, import.meta.url)), into);
  }
  const store = openStore(`file:${join(folder, 'store')}`);
  const expected = expectedSchema.parse(JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')));
  const stored = await getStored(store, storePaths.runConfig(expected.runId), runConfigSchema);
  const root = join(name === NEWEST ? folder : join(folder, 'newest'), 'clips');
  const dataset = { ...stored.dataset, root } as RunConfig['dataset'];
  return { folder, store, expected, config: { ...stored, dataset } };
}

let copies = 0;
/** In the kept store's folder, for a test that changes it. */
export async function copyOfKept({ folder, store }: KeptStore): Promise<Store> {
  const copy = join(folder, `copy-${String((copies += 1))}`);
  await cp(fileURLToPath(store.uri), copy, { recursive: true });
  return openStore(`file:${copy}`);
}
