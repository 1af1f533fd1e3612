/**
 * A stream that is answered while what answers it dies and the model changes: every event exactly once, each by a
 * version that was current between its arrival and its answer, with the numbers of `modalmix predict`.
 */
import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { makeModel } from '../../bench/harness/make-model.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';
import { ensureKafka, stopKafka } from '../../infra/kafka/ensure-kafka.ts';
import { fetchJars } from '../../infra/kafka/fetch-jars.ts';
import { createExtractor } from '../../pipelines/extraction/create-extractor.ts';
import { chooseModel } from '../../pipelines/models/choose-model.ts';
import { moveCurrent, rollback } from '../../pipelines/models/registry.ts';
import { runPrediction } from '../../pipelines/prediction/run-prediction.ts';
import { randomGenerator } from '../../pipelines/random/generator.ts';
import { connectConsumer, connectProducer, disconnect } from '../../pipelines/streaming/kafka/clients.ts';
import { deliver } from '../../pipelines/streaming/kafka/deliver.ts';
import { readWhole } from '../../pipelines/streaming/kafka/read-topic.ts';
import { ensureTopics } from '../../pipelines/streaming/kafka/topics.ts';
import { encodeClipEvent } from '../../pipelines/streaming/send-clips.ts';
import { answerSchema, reviewSchema, type Answer, type Review } from '../../schemas/answer.ts';
import { ENVIRONMENT, topicNames } from '../../schemas/names.ts';
import type { ClipPrediction } from '../../schemas/prediction.ts';
import { CLIP_EVENT_VERSION, type ClipEvent } from '../../schemas/stream.ts';
import { killAll, pidsOf } from '../support/processes.ts';
import { createProject, type Project } from '../support/project.ts';
import { createStream, eventually, type StreamFixture } from '../support/stream-fixture.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { trainingOfVersions } from './answered-model.ts';

export interface AnswersOptions {
  readonly seed: number;
  /** Events sent. */
  readonly clips: number;
  /** Processes that are killed, spread over the time of sending. */
  readonly kills: number;
  /** Events a second while they are sent. */
  readonly rate: number;
  readonly predictWorkers?: number;
  readonly say?: (line: string) => void;
  /** Called before anything is taken down. */
  readonly look?: (context: AnswersContext) => Promise<void>;
}

export interface AnswersContext {
  readonly stream: StreamFixture;
  readonly project: Project;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly answers: readonly Answer[];
}

export interface AnswersFigures {
  readonly clips: number;
  readonly struck: Readonly<Record<string, number>>;
  /** By version. */
  readonly answered: Readonly<Record<string, number>>;
  readonly reviewed: number;
  /** Rows of the sink: events with a label. */
  readonly rows: number;
  /** From an event's `sentAt` to its `answeredAt`, in seconds. */
  readonly latencyS: { readonly p50: number; readonly p99: number; readonly longest: number };
  /** From the first event to the last answer. */
  readonly seconds: number;
  readonly clipsPerSecond: number;
}

export const MODEL = 'answering';
const NAME = 'answered';
const SHARE = 0.3;
const BASE_CLIPS_PER_CLASS = 12;
const PATIENCE_MS = 900_000;
const POLL_MS = 20;
const LONGEST_PAUSE_MS = 1_500;

/** What may die, and how it is told from the others by its command line. */
const VICTIMS: Readonly<Record<string, (home: string) => number[]>> = {
  ingest: (home) => pidsOf(home, 'stream-worker-main', '--role ingest'),
  predict: (home) => pidsOf(home, 'stream-worker-main', '--role predict'),
  'predict child': (home) => pidsOf(home, 'answerer-child'),
  sink: (home) => pidsOf(home, 'stream-worker-main', '--role sink'),
  broker: (home) => pidsOf(home, 'kafka.Kafka'),
  'Temporal server': (home) => pidsOf(home, 'temporal', 'start-dev'),
};

/** A version was current from some moment of the first pair on until some moment of the second. */
interface Reign {
  readonly version: number;
  readonly from: readonly [number, number];
  until: readonly [number, number];
}

/** @throws Error saying what is lost, twice, by another version, or has other numbers */
export async function runAnswers(options: AnswersOptions): Promise<AnswersFigures> {
  const { say = () => undefined } = options;
  const project = await createProject();
  const home = join(project.folder, 'home');
  process.env[ENVIRONMENT.home] = home;
  const base = await makeTinyClips({ clipsPerClass: BASE_CLIPS_PER_CLASS });
  try {
    await fetchJars();
    await ensureKafka();
    return await play(options, project, home, base, say);
  } finally {
    await stopKafka();
    await project.end();
    await rm(base, { recursive: true, force: true });
  }
}

async function play(
  options: AnswersOptions,
  project: Project,
  home: string,
  base: string,
  say: (line: string) => void,
): Promise<AnswersFigures> {
  const { predictWorkers = 2, look } = options;
  const extractor = await createExtractor(say);
  const arriving = join(project.folder, 'arriving');
  await mkdir(arriving);
  const stream = await createStream(
    home,
    NAME,
    base,
    extractor,
    {
      allowedRoots: [arriving],
      predict: { model: MODEL, batchClips: 4, maxInFlight: 16 },
      watch: { answers: 5 },
      review: { share: SHARE, referenceClips: 12, neighbours: 3 },
    },
    undefined,
    undefined,
    { training: trainingOfVersions(3), evaluation: { batchSize: 3 } },
  );
  await makeModel(stream.store, await loadConfig(stream.configFile), extractor, MODEL);
  const files = await linkClips(base, arriving);
  say(`three versions are trained; ${String(files.length)} files`);
  const words = ['stream', 'work', 'all', '--detach', '--predict', String(predictWorkers)];
  const kept = await project.modalmix(...words, '--config', stream.configFile);
  if (kept.exitCode !== 0) throw new Error(`the stream cannot be kept: ${kept.stderr}`);

  const reigns: Reign[] = [{ version: 1, from: [0, 0], until: [Infinity, Infinity] }];
  const startedAt = Date.now();
  const sent = { count: 0 };
  const [{ events, fileOf }, struck] = await Promise.all([
    sendAll(stream, files, sent, options, async (to) => {
      await untilAnswered(stream, reigns.at(-1)!.version);
      await moveTo(stream, to, reigns);
      say(`${to === 'back' ? 'rolled back' : `promoted ${String(to)}`}: ${String(reigns.at(-1)?.version)}`);
    }),
    strikeAll(home, sent, options, say),
  ]);
  const answers = await eventually('every event to be answered', PATIENCE_MS, async () => {
    const found = await readAll(stream, 'predictions', (value) => answerSchema.parse(value));
    return found.length >= events.length ? found : undefined;
  });
  const seconds = (Math.max(...answers.map((one) => Date.parse(one.answeredAt))) - startedAt) / 1_000;
  expectOnce(answers, events);
  expectCurrent(answers, reigns);
  await expectNumbers(stream, answers, fileOf);
  const reviews = await readAll(stream, 'review', (value) => reviewSchema.parse(value));
  expectReviews(reviews, answers);
  const labelled = events.filter(({ label }) => label !== undefined).length;
  const counts = await eventually('the sink to have seen every record', PATIENCE_MS, async () => {
    const found = (await stream.manifest())?.counts;
    return found?.rows === labelled && found.unlabelled === events.length - labelled ? found : undefined;
  });
  const { connection } = await ensureKafka();
  const { predictions: topic } = topicNames(NAME);
  await look?.({ brokers: connection.brokers, topic, answers, stream, project });
  const stopped = await project.modalmix('stream', 'stop', '--config', stream.configFile);
  if (stopped.exitCode !== 0) throw new Error(`the stream cannot be stopped: ${stopped.stderr}`);

  const answered: Record<string, number> = {};
  for (const { model } of answers) {
    answered[String(model.version)] = (answered[String(model.version)] ?? 0) + 1;
  }
  const latencies = answers
    .map(({ sentAt, answeredAt }) => (Date.parse(answeredAt) - Date.parse(sentAt)) / 1_000)
    .sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
  return {
    ...{ clips: events.length, struck, answered, reviewed: reviews.length, rows: counts.rows },
    latencyS: { p50: at(0.5), p99: at(0.99), longest: latencies.at(-1)! },
    seconds,
    clipsPerSecond: events.length / seconds,
  };
}

/** The base clips again, where events may name them. */
async function linkClips(base: string, folder: string): Promise<{ path: string; label: string }[]> {
  const files: { path: string; label: string }[] = [];
  for (const label of ['high', 'low']) {
    const from = join(base, 'train', label);
    for (const name of (await readdir(from)).sort()) {
      const path = join(folder, name);
      await link(join(from, name), path);
      files.push({ path, label });
    }
  }
  return files;
}

interface Sent {
  readonly events: readonly ClipEvent[];
  /** By clip. */
  readonly fileOf: ReadonlyMap<string, string>;
}

/** At the rate asked for; a quarter through, half through and three quarters through the model changes. */
async function sendAll(
  stream: StreamFixture,
  files: readonly { path: string; label: string }[],
  sent: { count: number },
  { clips, rate, seed }: AnswersOptions,
  move: (to: number | 'back') => Promise<void>,
): Promise<Sent> {
  const random = randomGenerator(seed, 'answers/events');
  const moves = new Map<number, number | 'back'>([
    [Math.floor(clips / 4), 2],
    [Math.floor(clips / 2), 3],
    [Math.floor((3 * clips) / 4), 'back'],
  ]);
  const events: ClipEvent[] = [];
  const fileOf = new Map<string, string>();
  const sender = senderOf(stream);
  let startedAt = performance.now();
  for (let number = 0; number < clips; number += 1) {
    const to = moves.get(number);
    if (to !== undefined) {
      const before = performance.now();
      await move(to);
      startedAt += performance.now() - before;
    }
    const { path, label } = files[random.integer(files.length)]!;
    const event: ClipEvent = {
      schemaVersion: CLIP_EVENT_VERSION,
      clipId: `clip-${String(number).padStart(5, '0')}`,
      uri: pathToFileURL(path).href,
      ...(number % 2 === 0 ? {} : { label }),
      sentAt: new Date().toISOString(),
    };
    await sender.send(event);
    sent.count = number + 1;
    events.push(event);
    fileOf.set(event.clipId, path);
    const dueMs = ((number + 1) * 1_000) / rate;
    await sleep(Math.max(0, dueMs - (performance.now() - startedAt)));
  }
  await sender.close();
  return { events, fileOf };
}

/** However often the broker goes away: an event that was sent twice is the same event, and ingest drops it. */
function senderOf(stream: StreamFixture) {
  let open: Awaited<ReturnType<typeof connectProducer>> | undefined;
  const close = async () => {
    if (open !== undefined) await disconnect(open);
    open = undefined;
  };
  const send = async (event: ClipEvent) =>
    await eventually(`${event.clipId} to be sent`, PATIENCE_MS, async () => {
      try {
        if (open === undefined) {
          const connection = await stream.connection();
          await ensureTopics(connection, stream.settings.target.stream, () => undefined);
          open = await connectProducer(connection, 'test', { dr_cb: true });
        }
        await deliver(open, [encodeClipEvent(topicNames(NAME), event)]);
        return true;
      } catch {
        await close();
        return undefined;
      }
    });
  return { send, close };
}

/** So that each version answers something, however long its worker was dead. */
async function untilAnswered(stream: StreamFixture, version: number): Promise<void> {
  await eventually(`an answer of version ${String(version)}`, PATIENCE_MS, async () => {
    try {
      const answers = await readAll(stream, 'predictions', (value) => answerSchema.parse(value));
      return answers.some(({ model }) => model.version === version) ? true : undefined;
    } catch {
      return undefined;
    }
  });
}

async function moveTo(stream: StreamFixture, to: number | 'back', reigns: Reign[]): Promise<void> {
  const request = { model: MODEL, reason: 'a test', now: new Date() };
  const before = Date.now();
  const move =
    to === 'back'
      ? await rollback(stream.store, request)
      : await moveCurrent(stream.store, { ...request, to, by: 'promote' });
  const moment = [before, Date.now()] as const;
  reigns.at(-1)!.until = moment;
  reigns.push({ version: move.to, from: moment, until: [Infinity, Infinity] });
}

/** Spread over the events, so that a slow machine is struck at the same stages as a quick one. */
async function strikeAll(
  home: string,
  sent: { readonly count: number },
  { kills, clips, seed }: AnswersOptions,
  say: (line: string) => void,
): Promise<Record<string, number>> {
  const random = randomGenerator(seed, 'answers/strikes');
  const names = Object.keys(VICTIMS);
  const struck: Record<string, number> = {};
  const places = Array.from({ length: kills }, () => random.integer(clips)).sort((a, b) => a - b);
  for (const [strike, place] of places.entries()) {
    while (sent.count < place) await sleep(POLL_MS);
    await sleep(LONGEST_PAUSE_MS * random.uniform());
    // Each in turn, so that few strikes meet different things; who dies of several follows from the seed.
    const victim = names[strike % names.length]!;
    const pids = VICTIMS[victim]!(home);
    const pid = pids[Math.floor(random.uniform() * pids.length)];
    const hit = pid === undefined ? 0 : killAll([pid]);
    struck[victim] = (struck[victim] ?? 0) + hit;
    say(`  ${victim}: struck (${String(hit)}) after ${String(sent.count)} events`);
  }
  return struck;
}

async function readAll<T>(
  stream: StreamFixture,
  topic: 'predictions' | 'review',
  parse: (value: unknown) => T,
): Promise<T[]> {
  const consumer = await connectConsumer(await stream.connection(), 'test', { 'group.id': `${NAME}.test` });
  try {
    const found: T[] = [];
    for await (const { value } of readWhole(consumer, topicNames(NAME)[topic])) {
      found.push(parse(JSON.parse(value?.toString() ?? '')));
    }
    return found;
  } finally {
    await disconnect(consumer);
  }
}

function expectOnce(answers: readonly Answer[], events: readonly ClipEvent[]): void {
  const found = answers.map(({ clipId }) => clipId).sort();
  const wanted = events.map(({ clipId }) => clipId).sort();
  const lost = wanted.filter((id) => !found.includes(id));
  const twice = found.filter((id, place) => found[place - 1] === id);
  if (lost.length > 0 || twice.length > 0 || found.length !== wanted.length) {
    throw new Error(`not answered: ${lost.join(', ')}; more than once: ${twice.join(', ')}`);
  }
}

function expectCurrent(answers: readonly Answer[], reigns: readonly Reign[]): void {
  for (const { clipId, model, sentAt, answeredAt } of answers) {
    const [arrived, answered] = [Date.parse(sentAt), Date.parse(answeredAt)];
    const wasCurrent = reigns.some(
      ({ version, from, until }) => version === model.version && from[0] <= answered && arrived <= until[1],
    );
    if (!wasCurrent) {
      throw new Error(
        `${clipId} came at ${sentAt} and was answered at ${answeredAt} by version ${String(model.version)}, which was not current then`,
      );
    }
  }
}

/** To the last bit: what `modalmix predict` says of the same file by the same version. */
async function expectNumbers(
  stream: StreamFixture,
  answers: readonly Answer[],
  fileOf: ReadonlyMap<string, string>,
): Promise<void> {
  const { store, settings } = stream;
  const { classNames } = settings.target;
  for (const version of new Set(answers.map(({ model }) => model.version))) {
    const own = answers.filter(({ model }) => model.version === version);
    const files = [...new Set(own.map(({ clipId }) => fileOf.get(clipId)!))].sort();
    const predictions = new Map<string, ClipPrediction>();
    await runPrediction({
      storeUri: store.uri,
      chosen: await chooseModel(store, { model: `${MODEL}@${String(version)}` }),
      files,
      onFacts: () => undefined,
      onPrediction: (one) => predictions.set(one.path, one),
    });
    for (const { clipId, fused, branches } of own) {
      const predicted = predictions.get(fileOf.get(clipId)!);
      if (predicted === undefined || 'problem' in predicted) throw new Error(`${clipId} is not predicted`);
      const named = (probabilities: readonly number[]) =>
        Object.fromEntries(classNames.map((name, k) => [name, probabilities[k]]));
      const wanted = {
        fused: named(predicted.fused.probabilities),
        branches: Object.fromEntries(
          Object.entries(predicted.branches).map(([modality, head]) => [
            modality,
            named((head as { probabilities: number[] }).probabilities),
          ]),
        ),
      };
      if (JSON.stringify({ fused, branches }) !== JSON.stringify(wanted)) {
        throw new Error(
          `${clipId} by version ${String(version)} has ${JSON.stringify({ fused, branches })}, predicted is ${JSON.stringify(wanted)}`,
        );
      }
    }
  }
}

function expectReviews(reviews: readonly Review[], answers: readonly Answer[]): void {
  const asked = answers.filter(({ review }) => review);
  const ids = (of: readonly { clipId: string }[]) => of.map(({ clipId }) => clipId).sort();
  if (ids(reviews).join() !== ids(asked).join()) {
    throw new Error(`asked about are ${ids(reviews).join(', ')}; the answers say ${ids(asked).join(', ')}`);
  }
  const unlabelled = answers.filter(({ label }) => label === undefined);
  if (asked.some(({ label }) => label !== undefined)) throw new Error('a clip with a label was asked about');
  if (asked.length > SHARE * unlabelled.length) {
    throw new Error(`${String(asked.length)} of ${String(unlabelled.length)} answers were asked about`);
  }
}
