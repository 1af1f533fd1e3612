/** What is struck, how and when: a plan that follows from a seed, so that a failure can be made again. */
import { randomGenerator } from '../../pipelines/random/generator.ts';
import { pidsOf } from '../support/processes.ts';

/** What may die: each with how it is told from the others by its command line. */
const KINDS = {
  worker: (home: string) => without(pidsOf(home, 'worker-main'), pidsOf(home, 'stream-worker-main')),
  'stream worker': (home: string) => pidsOf(home, 'stream-worker-main'),
  child: (home: string) => pidsOf(home, 'child-start.mjs'),
  supervisor: (home: string) => pidsOf(home, 'supervisor-main'),
  'Temporal server': (home: string) => pidsOf(home, 'temporal', 'start-dev'),
  broker: (home: string) => pidsOf(home, 'kafka.Kafka'),
} as const;
export type Kind = keyof typeof KINDS;

/** What is struck at once. A power cut takes everything but the commands that a person watches. */
const VICTIMS = {
  worker: ['worker'],
  'stream worker': ['stream worker'],
  child: ['child'],
  supervisor: ['supervisor'],
  'supervisor and worker': ['supervisor', 'worker'],
  'Temporal server': ['Temporal server'],
  broker: ['broker'],
  everything: ['supervisor', 'worker', 'stream worker', 'child', 'Temporal server', 'broker'],
} as const satisfies Readonly<Record<string, readonly Kind[]>>;
export type Victim = keyof typeof VICTIMS;

/** How often each is chosen, in proportion: what does the work dies more often than the whole machine. */
const WEIGHTS: Readonly<Record<Victim, number>> = {
  worker: 4,
  'stream worker': 4,
  child: 4,
  supervisor: 2,
  'supervisor and worker': 2,
  'Temporal server': 2,
  broker: 2,
  everything: 1,
};

export interface Strike {
  /** Since the one before. */
  readonly afterMs: number;
  readonly victim: Victim;
  /** Absent: SIGKILL. Else SIGSTOP, and SIGCONT so much later. */
  readonly stoppedForMs?: number;
  /** Of several processes of a kind, which one is struck: a share of their number. */
  readonly choice: number;
}

/** Half of the strikes come soon after the one before, while things are being started again; the rest leave time to work. */
const SOON_MS = 1_500;
const LATE_MS = 12_000;
const STOP_SHARE = 0.25;
const LONGEST_STOP_MS = 8_000;

/** @param round another plan of the same seed */
export function planStrikes(seed: number, round: number, count: number): Strike[] {
  const random = randomGenerator(seed, 'chaos', round);
  const total = Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: count }, () => {
    const longest = random.uniform() < 0.5 ? SOON_MS : LATE_MS;
    const afterMs = Math.round(200 + random.uniform() * longest);
    let left = random.uniform() * total;
    const found = Object.entries(WEIGHTS).find(([, weight]) => (left -= weight) < 0);
    const victim = (found?.[0] ?? 'worker') as Victim;
    const stops = random.uniform() < STOP_SHARE && victim !== 'everything';
    const stoppedForMs = Math.round(500 + random.uniform() * LONGEST_STOP_MS);
    return { afterMs, victim, choice: random.uniform(), ...(stops ? { stoppedForMs } : {}) };
  });
}

/**
 * Sends the signals.
 *
 * @returns how many processes were struck; 0 when none of that kind runs at the moment
 */
export function strike(home: string, { victim, stoppedForMs, choice }: Strike): number {
  const pids = VICTIMS[victim].flatMap((kind) => {
    const all = KINDS[kind](home);
    if (victim === 'everything') return all;
    const chosen = all[Math.floor(choice * all.length)];
    return chosen === undefined ? [] : [chosen];
  });
  let struck = 0;
  for (const pid of pids) {
    if (stoppedForMs === undefined) struck += signal(pid, 'SIGKILL');
    else if (signal(pid, 'SIGSTOP') === 1) {
      struck += 1;
      // A pid that was given to another process meanwhile only goes on running.
      setTimeout(() => signal(pid, 'SIGCONT'), stoppedForMs);
    }
  }
  return struck;
}

/** Of each kind, how many run: of what holds data there must never be two. */
export function countOf(home: string, kind: Kind): number {
  return KINDS[kind](home).length;
}

function signal(pid: number, name: NodeJS.Signals): 0 | 1 {
  try {
    process.kill(pid, name);
    return 1;
  } catch {
    // It ended meanwhile.
    return 0;
  }
}

function without(pids: readonly number[], others: readonly number[]): number[] {
  return pids.filter((pid) => !others.includes(pid));
}
