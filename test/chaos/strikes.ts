/** What is struck, how and when: a plan that follows from a seed, so that a failure can be made again. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import type { FaultyBucket } from '../support/faulty-bucket.ts';
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

/**
 * Where the store is a bucket: the server is gone for a while, answers are lost on their way (what was asked for may be
 * done), or it says that it is busy.
 */
const BUCKET_VICTIMS = ['S3 server', 'S3 answers', 'S3 is busy'] as const;
type BucketVictim = (typeof BUCKET_VICTIMS)[number];
/** The wall clock of all our processes jumps, on or back; what is measured by other clocks, and the servers', does not. */
export const CLOCK = 'the clock';
export type Victim = keyof typeof VICTIMS | BucketVictim | typeof CLOCK;

/** How often each is chosen, in proportion: what does the work dies more often than the whole machine. */
const WEIGHTS: Readonly<Record<keyof typeof VICTIMS | typeof CLOCK, number>> = {
  worker: 4,
  'stream worker': 4,
  child: 4,
  supervisor: 2,
  'supervisor and worker': 2,
  'Temporal server': 2,
  broker: 2,
  everything: 1,
  [CLOCK]: 2,
};
const BUCKET_WEIGHTS: Readonly<Record<BucketVictim, number>> = {
  'S3 server': 3,
  'S3 answers': 3,
  'S3 is busy': 1,
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
const LONGEST_DOWN_MS = 6_000;
/** Connections that a strike at the bucket's answers meets. */
const MOST_CONNECTIONS = 5;
const LONGEST_JUMP_MS = 7_200_000;

/**
 * @param round another plan of the same seed
 * @param bucket with strikes at the bucket
 */
export function planStrikes(seed: number, round: number, count: number, bucket = false): Strike[] {
  const random = randomGenerator(seed, 'chaos', round);
  const weights = Object.entries({ ...WEIGHTS, ...(bucket ? BUCKET_WEIGHTS : {}) });
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  return Array.from({ length: count }, () => {
    const longest = random.uniform() < 0.5 ? SOON_MS : LATE_MS;
    const afterMs = Math.round(200 + random.uniform() * longest);
    let left = random.uniform() * total;
    const found = weights.find(([, weight]) => (left -= weight) < 0);
    const victim = (found?.[0] ?? 'worker') as Victim;
    const stops = random.uniform() < STOP_SHARE && victim !== 'everything' && isProcess(victim);
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
  if (!isProcess(victim)) throw new RangeError(`${victim} is no process of a home`);
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

export function isBucketVictim(victim: Victim): victim is BucketVictim {
  return BUCKET_VICTIMS.some((one) => one === victim);
}

/** Of a home; the S3 server is none. */
function isProcess(victim: Victim): victim is keyof typeof VICTIMS {
  return victim in VICTIMS;
}

/**
 * Up to two hours ahead of the true time, or behind it.
 *
 * @param file what `jumping-clock.mjs` reads
 * @returns 1
 */
export async function strikeClock(file: string, { choice }: Strike): Promise<1> {
  await writeFile(file, String(Math.round((2 * choice - 1) * LONGEST_JUMP_MS)));
  return 1;
}

/**
 * Kills the server and starts it again some seconds later, or makes the proxy before it lose answers or refuse.
 *
 * @returns 1: the strike was made; what it met the proxy counts
 */
export async function strikeBucket({ server, proxy }: FaultyBucket, { victim, choice }: Strike): Promise<1> {
  const connections = 1 + Math.floor(choice * MOST_CONNECTIONS);
  if (victim === 'S3 server') {
    await server.kill();
    await sleep(choice * LONGEST_DOWN_MS);
    await server.start();
  } else if (victim === 'S3 is busy') {
    proxy.refuse(connections);
  } else {
    proxy.resetAfter(1, connections);
  }
  // Kept connections would go round it.
  if (victim !== 'S3 server') proxy.cut();
  return 1;
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
