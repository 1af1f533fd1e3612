/** What somebody waits for again and again: a command that asks, and a worker that has died. Wall time of an installed package. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadavg } from 'node:os';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { pollersOf } from '../../bench/orchestration/pollers.ts';
import { runningSupervisor } from '../../infra/supervisor/supervise.ts';
import { ensureTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { TASK_QUEUES } from '../../schemas/names.ts';

const CALLS = 9;
const KILLS = 5;
const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/**
 * Prints medians and extremes, s. The home folder is the one that the environment names; a supervisor with a worker runs
 * there when this ends.
 *
 * @param folder where the package is installed
 */
export async function measureStarts(folder: string): Promise<void> {
  const status = async () =>
    await execa(process.execPath, [join('node_modules', 'modalmix', 'cli', 'modalmix.mjs'), 'status'], {
      cwd: folder,
    });
  const { connection: options } = await ensureTemporal();
  const connection = await Connection.connect(options);
  try {
    await status();
    const seen = new Set<string>();
    await untilSomebodyElse(connection, seen);
    const calls: number[] = [];
    for (let i = 0; i < CALLS; i += 1) {
      const from = performance.now();
      await status();
      calls.push((performance.now() - from) / 1_000);
    }
    print('modalmix status', calls);
    const deaths: number[] = [];
    for (let i = 0; i < KILLS; i += 1) {
      const from = performance.now();
      process.kill(runningSupervisor()!.worker!.pid, 'SIGKILL');
      await untilSomebodyElse(connection, seen);
      deaths.push((performance.now() - from) / 1_000);
    }
    print('a killed worker, until another one takes work', deaths);
  } finally {
    await connection.close();
  }
}

/** Until somebody takes trainings who did not before; who that is counts as seen then. */
async function untilSomebodyElse(connection: Connection, seen: Set<string>): Promise<void> {
  for (const begun = Date.now(); Date.now() - begun < PATIENCE_MS;) {
    await sleep(POLL_MS);
    const others = (await pollersOf(connection, TASK_QUEUES.training)).filter((one) => !seen.has(one));
    if (others.length === 0) continue;
    for (const other of others) seen.add(other);
    return;
  }
  throw new Error(`nobody takes trainings after ${String(PATIENCE_MS / 1_000)} s`);
}

function print(name: string, seconds: readonly number[]): void {
  const sorted = seconds.toSorted((a, b) => a - b);
  const of = (value: number | undefined) => (value ?? Number.NaN).toFixed(2);
  console.log(
    `         ${name}: ${of(sorted[sorted.length >> 1])} s (${of(sorted[0])}–${of(sorted.at(-1))}, ` +
      `${String(seconds.length)} times, load ${of(loadavg()[0])})`,
  );
}
