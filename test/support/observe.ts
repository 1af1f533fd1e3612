/** What a running job has left in its store so far: by this, and not by time alone, tests choose their moment. */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { runningSupervisor } from '../../infra/supervisor/supervise.ts';
import type { Store } from '../../pipelines/store/store.ts';

const POLL_MS = 15;
const LONGEST_MS = 240_000;

/**
 * @param command its early end makes waiting vain
 * @throws Error when `condition` has not come true in time
 */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  command?: { readonly exitCode: number | null },
): Promise<void> {
  const deadline = performance.now() + LONGEST_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    if (typeof command?.exitCode === 'number') throw new Error(`the command ended before ${what}`);
    await sleep(POLL_MS);
  }
}

/** Finished shards, by path: what changes when a file is written again. */
export async function finishedShards(store: Store): Promise<Map<string, string>> {
  const paths = (await store.list('datasets')).filter((path) => path.includes('/shards/'));
  const entries = paths.filter((path) => path.endsWith('.json'));
  const shards = entries.map((path) => path.replace(/\.json$/u, '.arrow'));
  const facts = [...entries, ...shards].map(async (path) => {
    const { ino, mtimeNs } = await stat(await store.localFile(path), { bigint: true });
    return [path, `${String(ino)} ${String(mtimeNs)}`] as const;
  });
  return new Map(await Promise.all(facts));
}

/** Files of all trainings in a store whose path matches. */
export async function runFiles(store: Store, pattern: RegExp): Promise<string[]> {
  return (await store.list('runs')).filter((path) => pattern.test(path));
}

/** The one training's weights, byte for byte. */
export async function weights(store: Store): Promise<{ path: string; bytes: Buffer }[]> {
  const paths = await runFiles(store, /\/model\.safetensors$/u);
  return await Promise.all(paths.map(async (path) => ({ path, bytes: await store.get(path) })));
}

/** SIGKILL, as the out-of-memory killer or a power cut would. */
export function killWorker(): void {
  const worker = runningSupervisor()?.worker;
  if (worker === undefined) throw new Error('no worker runs');
  process.kill(worker.pid, 'SIGKILL');
}
