/** One round: a run and a stream on a store of their own while strikes fall; afterwards all is as undisturbed. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { clipEventsOf, sendClipEvents } from '../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import type { ClipEvent } from '../../schemas/stream.ts';
import type { FaultyBucket } from '../support/faulty-bucket.ts';
import { tinyConfig, type Project } from '../support/project.ts';
import { createStream, type StreamFixture } from '../support/stream-fixture.ts';
import { expectNothingTemporary, expectOutcome, expectStream, outcomeOf } from './outcome.ts';
import { CLOCK, countOf, isBucketVictim, strike, strikeBucket, strikeClock, type Strike } from './strikes.ts';

export interface Round {
  readonly project: Project;
  readonly clips: string;
  readonly extractor: Extractor;
  readonly round: number;
  readonly strikes: readonly Strike[];
  /** What the clocks of all processes are off by. */
  readonly clock: string;
  /** The store is a bucket, that may be struck too; absent: a folder. */
  readonly bucket?: FaultyBucket;
  readonly say: (line: string) => void;
  /** How many processes, or faults of the bucket, a strike came to. */
  readonly onStrike: (hit: number, strike: Strike) => void;
}

export const BUCKET = 'chaos';
const CLASSES = ['high', 'low'];
const TRAINING = { epochs: 10 };
/** After the last strike; a slow machine is no mistake. */
const PATIENCE_MS = 1_800_000;
const POLL_MS = 500;

export const homeOf = ({ folder }: Project) => join(folder, 'home');

/** The same run with nobody striking, in a folder: what each round must come to. */
export async function undisturbed(project: Project, clips: string): Promise<Map<string, string>> {
  const config = await project.config('undisturbed', tinyConfig(clips, 'undisturbed', TRAINING));
  const { exitCode, stderr } = await project.modalmix('run', config);
  if (exitCode !== 0) throw new Error(`the undisturbed run ended with ${String(exitCode)}: ${stderr}`);
  return await outcomeOf(project.store('undisturbed'));
}

/**
 * @param expected see `undisturbed`
 * @throws Error saying what is lost, twice, other than expected, or did not end
 */
export async function playRound(
  context: Round,
  expected: ReadonlyMap<string, string>,
): Promise<{ readonly recoveryS: number }> {
  const { project, clips, extractor, round, bucket } = context;
  const home = homeOf(project);
  const name = `struck-${String(round)}`;
  const uri = (of: string) =>
    bucket === undefined ? `file:${join(project.folder, of)}` : `s3://${BUCKET}/${of}`;
  const config = await project.config(name, { ...tinyConfig(clips, name, TRAINING), store: uri(name) });
  const streamName = `stream-${String(round)}`;
  const stream = await createStream(home, streamName, clips, extractor, {}, undefined, uri(streamName));
  const events = await clipEventsOf(clips, CLASSES);
  const kept = await project.modalmix('stream', 'work', 'all', '--detach', '--config', stream.configFile);
  if (kept.exitCode !== 0) throw new Error(`the stream cannot be kept: ${kept.stderr}`);

  // Two people start the same run at once.
  const commands = [project.start('run', config), project.start('run', config)];
  const sending = sendThrough(stream, events);
  await strikeAll(context);
  const lastAt = performance.now();
  for (const [place, command] of commands.entries()) {
    const { exitCode, stdout, stderr } = await within(`command ${String(place)}`, Promise.resolve(command));
    if (exitCode !== 0)
      throw new Error(`command ${String(place)} ended with ${String(exitCode)}: ${stdout}${stderr}`);
  }
  // Whoever comes later finds everything done; and a supervisor again, where the last strike took it.
  const later = await project.modalmix('run', config);
  if (later.exitCode !== 0) throw new Error(`the run cannot be asked for again: ${later.stderr}`);
  await within('the events to be sent', sending);
  await expectStream(stream, events, extractor, PATIENCE_MS);
  const recoveryS = (performance.now() - lastAt) / 1_000;

  const store = openStore(uri(name));
  expectOutcome(await outcomeOf(store), expected);
  for (const kind of ['supervisor', 'Temporal server', 'broker'] as const) {
    if (countOf(home, kind) > 1) throw new Error(`there are ${String(countOf(home, kind))} of ${kind}`);
  }
  if (bucket === undefined) await expectNothingTemporary(store);
  const stopped = await project.modalmix('stream', 'stop', '--config', stream.configFile);
  if (stopped.exitCode !== 0) throw new Error(`the stream cannot be stopped: ${stopped.stderr}`);
  return { recoveryS };
}

async function strikeAll(round: Round): Promise<void> {
  const { strikes, onStrike, say } = round;
  for (const one of strikes) {
    await sleep(one.afterMs);
    const { victim, stoppedForMs } = one;
    const hit = await strikeOne(round, one);
    onStrike(hit, one);
    const how = stoppedForMs === undefined ? 'struck' : `stopped for ${String(stoppedForMs)} ms`;
    say(`  ${victim}: ${how} (${String(hit)})`);
  }
}

async function strikeOne({ project, clock, bucket }: Round, one: Strike): Promise<number> {
  if (one.victim === CLOCK) return await strikeClock(clock, one);
  if (bucket !== undefined && isBucketVictim(one.victim)) return await strikeBucket(bucket, one);
  return strike(homeOf(project), one);
}

/** However often the broker goes away meanwhile: events that were sent twice are the same events. */
async function sendThrough(stream: StreamFixture, events: readonly ClipEvent[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (const event of events) {
    for (;;) {
      try {
        const connection = await stream.connection();
        const topics = await ensureTopics(connection, stream.settings.target.stream, () => undefined);
        await sendClipEvents(connection, topics, [event]);
        break;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(POLL_MS);
      }
    }
  }
}

async function within<T>(what: string, work: Promise<T>): Promise<T> {
  const late = new AbortController();
  const timeout = sleep(PATIENCE_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`waited ${String(PATIENCE_MS / 1_000)} s for ${what}`);
  });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    late.abort();
  }
}
