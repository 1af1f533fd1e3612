/** Round after round of strikes, until there were enough. A round's store is a folder, or a bucket, in turn. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { startFaultyBucket } from '../support/faulty-bucket.ts';
import { createProject } from '../support/project.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { BUCKET, homeOf, playRound, undisturbed, type Round } from './round.ts';
import { CLOCK, isBucketVictim, planStrikes } from './strikes.ts';

/** Where rounds keep what they make; `both`: every second round a bucket. */
export const STORES = ['folder', 'bucket', 'both'] as const;

export interface ChaosOptions {
  readonly seed: number;
  /** Processes that are struck in all, at least. */
  readonly kills: number;
  /** Strikes of one round; default: 12. */
  readonly strikesPerRound?: number;
  /** Only this round of the seed's. */
  readonly round?: number;
  /** Every `of`-th round, from round `index` on. Default: all of them. */
  readonly lane?: { readonly index: number; readonly of: number };
  /** Default: `folder`. */
  readonly stores?: (typeof STORES)[number];
  readonly say?: (line: string) => void;
}

export interface ChaosFigures {
  readonly rounds: number;
  /** Of them, those whose store was a bucket. */
  readonly inBuckets: number;
  /** Processes that were struck. */
  readonly struck: number;
  /** Of them, those that were stopped and went on later. */
  readonly stopped: number;
  /** Connections to the bucket that were broken, lost their answer or were refused. */
  readonly bucketFaults: number;
  readonly byVictim: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** From a round's last strike until everything was done, in seconds; the longest of all rounds. */
  readonly longestRecoveryS: number;
}

const JUMPING_CLOCK = new URL('./jumping-clock.mjs', import.meta.url).href;
const CLIPS_PER_CLASS = 9;
const MOST_ROUNDS_IN_VAIN = 3;

/**
 * @throws Error naming seed and round when anything is lost, twice, or other than undisturbed; the folder is then left
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosFigures> {
  const { seed, kills, strikesPerRound = 12, stores = 'folder', say = () => undefined } = options;
  const startedAt = performance.now();
  // First: what the environment says of the bucket is passed on to all that is started.
  const bucket = stores === 'folder' ? undefined : await startFaultyBucket(BUCKET);
  const project = await createProject();
  const clock = join(project.folder, 'clock');
  Object.assign(process.env, { MODALMIX_CHAOS_CLOCK: clock, NODE_OPTIONS: `--import ${JUMPING_CLOCK}` });
  const clips = await makeTinyClips({ clipsPerClass: CLIPS_PER_CLASS });
  const extractor = await createExtractor(say);
  await fetchJars();
  const figures = { rounds: 0, inBuckets: 0, struck: 0, stopped: 0, longestRecoveryS: 0 };
  const byVictim: Record<string, number> = {};
  const onStrike: Round['onStrike'] = (hit, { victim, stoppedForMs }) => {
    byVictim[victim] = (byVictim[victim] ?? 0) + hit;
    if (victim === CLOCK || (isBucketVictim(victim) && victim !== 'S3 server')) return;
    figures.struck += hit;
    if (stoppedForMs !== undefined) figures.stopped += hit;
  };
  const expected = await undisturbed(project, clips);
  say(`undisturbed: ${expected.size} files, ${seconds(startedAt)} s`);
  const first = options.round ?? options.lane?.index ?? 0;
  for (
    let round = first;
    figures.struck < kills && (options.round === undefined || round === first);
    round += options.lane?.of ?? 1
  ) {
    const inBucket = stores === 'bucket' || (stores === 'both' && round % 2 === 1);
    const of = { project, clips, extractor, round, clock, say, onStrike };
    const strikes = planStrikes(seed, round, strikesPerRound, inBucket);
    try {
      const context = { ...of, strikes, ...(inBucket && bucket !== undefined ? { bucket } : {}) };
      const { recoveryS } = await playRound(context, expected);
      figures.longestRecoveryS = Math.max(figures.longestRecoveryS, recoveryS);
    } catch (cause) {
      const words = `--seed=${String(seed)} --round=${String(round)} --strikes=${String(strikesPerRound)} --stores=${stores}`;
      throw new Error(
        `round ${String(round)} of seed ${String(seed)} went wrong; again: npm run chaos -- ${words}; its files: ${project.folder}`,
        { cause },
      );
    }
    figures.rounds += 1;
    if (inBucket) figures.inBuckets += 1;
    if (figures.rounds >= MOST_ROUNDS_IN_VAIN && figures.struck === 0)
      throw new Error('no process was ever struck');
    say(`round ${String(round)}: ${String(figures.struck)} processes struck so far, ${seconds(startedAt)} s`);
  }
  process.env['MODALMIX_HOME'] = homeOf(project);
  await stopKafka();
  await project.end();
  const bucketFaults = bucket?.proxy.faults() ?? 0;
  await bucket?.stop();
  await rm(clips, { recursive: true, force: true });
  return { ...figures, bucketFaults, byVictim, seconds: (performance.now() - startedAt) / 1_000 };
}

function seconds(from: number): string {
  return ((performance.now() - from) / 1_000).toFixed(0);
}
