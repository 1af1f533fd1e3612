/**
 * How a process and those below it use the cores, also on a machine that others use: a thread that waits for a core is as
 * busy as one that has it. Linux only.
 */
import { readFileSync, readdirSync } from 'node:fs';

export interface CoreUse {
  /** Mean of min(threads that compute or wait for a core, cores) ÷ cores. */
  readonly wanted: number;
  /** Processor time ÷ (cores × time): what it got. */
  readonly got: number;
  readonly samples: number;
  readonly seconds: number;
}

const SAMPLE_MS = 20;
/** Processes come and go less often. */
const SAMPLES_A_LOOK = 10;

/** Looks until `end` is called. Blocks nobody: run it in another process than the one that is looked at. */
export function watchCores(pid: number, cores: number): { end: () => CoreUse } {
  const from = performance.now();
  const computed = new Map<string, number>();
  const before = new Map<string, number>();
  let [wanted, samples, pids]: [number, number, number[]] = [0, 0, []];
  const look = () => {
    if (samples % SAMPLES_A_LOOK === 0) pids = treeOf(pid);
    let runnable = 0;
    for (const one of pids) {
      for (const thread of entries(`/proc/${String(one)}/task`)) {
        const folder = `/proc/${String(one)}/task/${thread}`;
        const stat = read(`${folder}/stat`);
        if (stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'R') runnable += 1;
        if (samples % SAMPLES_A_LOOK > 0) continue;
        const time = Number(read(`${folder}/schedstat`).split(' ')[0] ?? 0);
        if (!before.has(thread)) before.set(thread, samples === 0 ? time : 0);
        computed.set(thread, Math.max(time, computed.get(thread) ?? 0));
      }
    }
    wanted += Math.min(runnable, cores) / cores;
    samples += 1;
  };
  look();
  const timer = setInterval(look, SAMPLE_MS);
  return {
    end: () => {
      clearInterval(timer);
      const seconds = (performance.now() - from) / 1_000;
      const nanoseconds = [...computed].reduce((sum, [thread, time]) => sum + time - before.get(thread)!, 0);
      return { wanted: wanted / samples, got: nanoseconds / 1e9 / seconds / cores, samples, seconds };
    },
  };
}

/** The process and all below it. */
function treeOf(pid: number): number[] {
  const children = entries(`/proc/${String(pid)}/task`).flatMap((thread) =>
    read(`/proc/${String(pid)}/task/${thread}/children`)
      .split(' ')
      .filter((one) => one.trim() !== '')
      .map(Number),
  );
  return [pid, ...children.flatMap(treeOf)];
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Empty for what has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
