/** Rounds side by side, each lane with its own home, servers and files: what they did is one sum. */
import { execa } from 'execa';
import type { ChaosFigures } from './chaos.ts';

export interface Lanes {
  readonly count: number;
  /** Processes that are struck in all, at least. */
  readonly kills: number;
  /** Of the program that plays one lane, without the lane's own. */
  readonly program: string;
  readonly words: readonly string[];
  readonly say: (line: string) => void;
}

/** @throws Error with the words of the first lane that went wrong; the others are ended */
export async function runLanes({ count, kills, program, words, say }: Lanes): Promise<ChaosFigures> {
  const controller = new AbortController();
  const startedAt = performance.now();
  const lanes = Array.from({ length: count }, async (_, index) => {
    const own = [`--kills=${String(Math.ceil(kills / count))}`, `--lane=${String(index)}/${String(count)}`];
    const lane = execa(process.execPath, [...process.execArgv, program, ...words, ...own], {
      ...{ stderr: 'inherit', cancelSignal: controller.signal, forceKillAfterDelay: 30_000 },
    });
    const told: string[] = [];
    let result: string[] | undefined;
    for await (const line of lane) {
      // A lane's figures come last.
      if (line === '{') result = [];
      if (result === undefined) say(`lane ${String(index)}: ${line}`);
      else result.push(line);
      told.push(line);
    }
    await lane;
    return JSON.parse((result ?? told).join('\n')) as ChaosFigures;
  });
  try {
    const all = await Promise.all(lanes);
    const sum = (of: (figures: ChaosFigures) => number) => all.reduce((total, one) => total + of(one), 0);
    const byVictim: Record<string, number> = {};
    for (const figures of all) {
      for (const [victim, hit] of Object.entries(figures.byVictim)) {
        byVictim[victim] = (byVictim[victim] ?? 0) + hit;
      }
    }
    return {
      rounds: sum(({ rounds }) => rounds),
      inBuckets: sum(({ inBuckets }) => inBuckets),
      struck: sum(({ struck }) => struck),
      stopped: sum(({ stopped }) => stopped),
      bucketFaults: sum(({ bucketFaults }) => bucketFaults),
      longestRecoveryS: Math.max(...all.map(({ longestRecoveryS }) => longestRecoveryS)),
      byVictim,
      seconds: (performance.now() - startedAt) / 1_000,
    };
  } catch (error) {
    controller.abort();
    await Promise.allSettled(lanes);
    throw error;
  }
}
