/**
 * A run and a stream while processes are killed and stopped; afterwards everything is as if nothing had happened. Round
 * after round, until there were enough strikes.
 */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { clipEventsOf, sendClipEvents } from '../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import type { ClipEvent } from '../../schemas/stream.ts';
import { createProject, tinyConfig, type Project } from '../support/project.ts';
import { createStream, type StreamFixture } from '../support/stream-fixture.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { countOf, planStrikes, strike, type Strike } from './strikes.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** Processes that are struck in all, at least. */
  readonly kills: number;
  /** Strikes of one round; default: 12. */
  readonly strikesPerRound?: number;
  /** Only this round of the seed's. */
  readonly round?: number;
  readonly say?: (line: string) => void;
}

export interface ChaosFigures {
  readonly rounds: number;
  /** Processes that were struck. */
  readonly struck: number;
  /** Of them, those that were stopped and went on later. */
  readonly stopped: number;
  readonly byVictim: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** From a round's last strike until everything was done, in seconds; the longest of all rounds. */
  readonly longestRecoveryS: number;
}

const CLIPS_PER_CLASS = 9;
const CLASSES = ['high', 'low'];
const TRAINING = { epochs: 10 };
const MOST_ROUNDS_IN_VAIN = 3;
/** After the last strike; a slow machine is no mistake. */
const PATIENCE_MS = 1_800_000;
const POLL_MS = 500;
/** The length of a safetensors header stands before it. */
const LENGTH_BYTES = 8;

/**
 * @throws Error naming seed and round when anything is lost, twice, or other than undisturbed; the folder is then left
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosFigures> {
  const { seed, kills, strikesPerRound = 12, say = () => undefined } = options;
  const startedAt = performance.now();
  const project = await createProject();
  const clips = await makeTinyClips({ clipsPerClass: CLIPS_PER_CLASS });
  const extractor = await createExtractor(say);
  await fetchJars();
  const figures = { rounds: 0, struck: 0, stopped: 0, longestRecoveryS: 0 };
  const byVictim: Record<string, number> = {};
  const expected = await undisturbed(project, clips);
  say(`undisturbed: ${expected.size} files, ${seconds(startedAt)} s`);
  const first = options.round ?? 0;
  for (
    let round = first;
    figures.struck < kills && (options.round === undefined || round === first);
    round += 1
  ) {
    const strikes = planStrikes(seed, round, strikesPerRound);
    try {
      const context = { project, clips, extractor, round, strikes, say };
      const done = await playRound(context, expected, (hit, { victim, stoppedForMs }) => {
        figures.struck += hit;
        if (stoppedForMs !== undefined) figures.stopped += hit;
        byVictim[victim] = (byVictim[victim] ?? 0) + hit;
      });
      figures.longestRecoveryS = Math.max(figures.longestRecoveryS, done.recoveryS);
    } catch (error) {
      const again = `npm run chaos -- --seed=${String(seed)} --round=${String(round)} --strikes=${String(strikesPerRound)}`;
      throw new Error(
        `round ${String(round)} of seed ${String(seed)} went wrong; again: ${again}; its files: ${project.folder}`,
        {
          cause: error,
        },
      );
    }
    figures.rounds += 1;
    if (figures.rounds >= MOST_ROUNDS_IN_VAIN && figures.struck === 0)
      throw new Error('no process was ever struck');
    say(`round ${String(round)}: ${String(figures.struck)} processes struck so far, ${seconds(startedAt)} s`);
  }
  await endStreams(project);
  await project.end();
  await rm(clips, { recursive: true, force: true });
  return { ...figures, byVictim, seconds: (performance.now() - startedAt) / 1_000 };
}

interface Round {
  readonly project: Project;
  readonly clips: string;
  readonly extractor: Extractor;
  readonly round: number;
  readonly strikes: readonly Strike[];
  readonly say: (line: string) => void;
}

const homeOf = ({ folder }: Project) => join(folder, 'home');

async function undisturbed(project: Project, clips: string): Promise<Map<string, string>> {
  const config = await project.config('undisturbed', tinyConfig(clips, 'undisturbed', TRAINING));
  const { exitCode, stderr } = await project.modalmix('run', config);
  if (exitCode !== 0) throw new Error(`the undisturbed run ended with ${String(exitCode)}: ${stderr}`);
  return await outcomeOf(project.store('undisturbed'));
}

async function playRound(
  context: Round,
  expected: ReadonlyMap<string, string>,
  onStrike: (hit: number, strike: Strike) => void,
): Promise<{ readonly recoveryS: number }> {
  const { project, clips, extractor, round, strikes, say } = context;
  const home = homeOf(project);
  const name = `struck-${String(round)}`;
  const config = await project.config(name, tinyConfig(clips, name, TRAINING));
  const stream = await createStream(home, `stream-${String(round)}`, clips, extractor);
  const events = await clipEventsOf(clips, CLASSES);
  const kept = await project.modalmix('stream', 'work', 'all', '--detach', '--config', stream.configFile);
  if (kept.exitCode !== 0) throw new Error(`the stream cannot be kept: ${kept.stderr}`);

  // Two people start the same run at once.
  const commands = [project.start('run', config), project.start('run', config)];
  const sending = sendThrough(stream, events);
  for (const one of strikes) {
    await sleep(one.afterMs);
    const hit = strike(home, one);
    onStrike(hit, one);
    say(
      `  ${one.victim}: ${one.stoppedForMs === undefined ? 'killed' : `stopped for ${String(one.stoppedForMs)} ms`} (${String(hit)})`,
    );
  }
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
  await expectStream(stream, events, extractor);
  const recoveryS = (performance.now() - lastAt) / 1_000;

  const store = project.store(name);
  expectEqual(await outcomeOf(store), expected, 'a file of the run');
  for (const kind of ['supervisor', 'Temporal server', 'broker'] as const) {
    if (countOf(home, kind) > 1) throw new Error(`there are ${String(countOf(home, kind))} of ${kind}`);
  }
  await expectNothingTemporary(store, fileURLToPath(`${store.uri}/.tmp`));
  const stopped = await project.modalmix('stream', 'stop', '--config', stream.configFile);
  if (stopped.exitCode !== 0) throw new Error(`the stream cannot be stopped: ${stopped.stderr}`);
  return { recoveryS };
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

/** Each clip exactly once, with the features of an extraction in this process. */
async function expectStream(
  stream: StreamFixture,
  events: readonly ClipEvent[],
  extractor: Extractor,
): Promise<void> {
  const wanted = events.map(({ clipId }) => clipId).sort();
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const counts = (await stream.manifest())?.counts;
    if (counts !== undefined && counts.rows - counts.superseded >= wanted.length) break;
    if (performance.now() > deadline)
      throw new Error(`the stream has ${JSON.stringify(counts)} of ${String(wanted.length)} clips`);
    await sleep(POLL_MS);
  }
  const rows = await stream.liveRows();
  const found = rows.map(({ clipId }) => clipId).sort();
  if (found.join() !== wanted.join()) throw new Error(`the stream has ${found.join(', ')}`);
  const { counts } = (await stream.manifest())!;
  if (counts.deadLetters > 0) throw new Error(`${String(counts.deadLetters)} clips became dead letters`);
  for (const { clipId, features } of rows) {
    const path = fileURLToPath(events.find((event) => event.clipId === clipId)!.uri);
    const clip = { clipId, path, label: 0, split: 'train' } as const;
    const direct = await extractor.extract(clip, stream.settings.target.extraction);
    for (const modality of ['audio', 'rgb'] as const) {
      const [row, own] = [features[modality]?.data, direct[modality]?.data];
      if (row === undefined || own === undefined || digest(row) !== digest(own)) {
        throw new Error(`${clipId} has another ${modality} than its file`);
      }
    }
  }
}

/** By path: the bytes of all that does not say when or where it was made. */
async function outcomeOf(store: Store): Promise<Map<string, string>> {
  const paths = [...(await store.list('datasets')), ...(await store.list('runs'))].filter((path) =>
    /\.arrow$|\/manifest\.json$|\/model\.safetensors$|\/best\.safetensors$|\/step-\d+\.safetensors$/u.test(
      path,
    ),
  );
  const files = paths.map(async (path) => {
    const bytes = await store.get(path);
    return [path, digest(path.includes('/checkpoints/') ? tensorsOf(bytes) : bytes)] as const;
  });
  return new Map(await Promise.all(files));
}

/** Of a safetensors file: its header says, in checkpoints, how long the epochs took too. */
function tensorsOf(bytes: Buffer): Buffer {
  return bytes.subarray(LENGTH_BYTES + Number(bytes.readBigUInt64LE(0)));
}

function expectEqual(
  found: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  what: string,
): void {
  const differs = (path: string) => found.get(path) !== expected.get(path);
  const wrong = [...new Set([...found.keys(), ...expected.keys()])].filter(differs);
  if (wrong.length > 0) throw new Error(`${what} is lost, new or another one: ${wrong.join(', ')}`);
}

/** What killed processes left is gone with the next one that works there: here, this one. */
async function expectNothingTemporary(store: Store, folder: string): Promise<void> {
  await rm(await store.scratchFolder(), { recursive: true });
  const left = await readdir(folder);
  if (left.length > 0) throw new Error(`left in the store: ${left.join(', ')}`);
}

async function endStreams(project: Project): Promise<void> {
  process.env['MODALMIX_HOME'] = homeOf(project);
  await stopKafka();
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

function digest(bytes: Uint8Array | Float32Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');
}

function seconds(from: number): string {
  return ((performance.now() - from) / 1_000).toFixed(0);
}
