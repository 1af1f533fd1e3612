/**
 * Streams: how far behind each partition is, and how fast it goes. Read where a broker is there already; none is started to
 * look at it.
 */
import { brokerHasBeenStarted } from '../../../infra/kafka/broker-folders.ts';
import { connectionIsNamed } from '../../../infra/kafka/is-named.ts';
import { keptStreams } from '../../../infra/supervisor/kept-streams.ts';
import { readRunConfig } from '../../../activities/run-config.ts';
import { loadConfig } from '../../../pipelines/config/load-config.ts';
import type { KafkaConnection } from '../../../pipelines/streaming/kafka/connection.ts';
import type { PartitionStatus } from '../../../pipelines/streaming/lag.ts';
import type { RunConfig } from '../../../schemas/config/config.ts';
import { streamOf } from '../../../schemas/config/stream-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { topicNames, type TopicNames } from '../../../schemas/names.ts';
import { WORKFLOWS } from '../../../schemas/workflows.ts';
import { Kept } from '../kept.ts';
import { problemText } from '../problems.ts';
import type { RunsBook } from '../runs/runs-book.ts';
import { isName, type Stores } from '../stores.ts';
import type { LetterLine, StreamLine, StreamsFacts, StreamStep } from '../../wire.ts';
import { keptTarget } from './kept-target.ts';
import { streamModel } from './stream-model.ts';

interface Sources {
  readonly runs: RunsBook;
  readonly stores: Stores;
}

/** The last offsets, from which rates follow: by stream, step, topic and partition. */
const before = new Map<string, { readonly next: number; readonly at: number }>();
const MOST_STREAMS = 10;
const MOST_LETTERS = 200;

export async function readStreams(sources: Sources): Promise<StreamsFacts> {
  if (!connectionIsNamed() && !brokerHasBeenStarted()) return { broker: 'none', streams: [] };
  const connection = await runningBroker();
  if (connection === undefined) return { broker: 'stopped', streams: [] };
  const configs = await streamConfigs(sources);
  const lines = configs.map(async ({ runId, config }): Promise<StreamLine> => {
    try {
      return await readStream(connection, runId, config, sources.stores);
    } catch (error) {
      return { runId, dataset: '', topics: [], problem: problemText(error) };
    }
  });
  return { broker: 'there', streams: await Promise.all(lines) };
}

/** @throws ModalmixError `config` where no broker is there, or no such stream is known */
export async function readLetters(sources: Sources, runId: string): Promise<LetterLine[]> {
  const connection = await runningBroker();
  const found = (await streamConfigs(sources)).find((one) => one.runId === runId);
  if (connection === undefined || found === undefined)
    throw new ModalmixError('config', 'no such stream is there');
  const { listDeadLetters } = await import('../../../pipelines/streaming/dead-letters/dead-letter.ts');
  const topics: TopicNames = topicNames(streamOf(found.config).topicPrefix);
  const letters = await listDeadLetters(connection, topics);
  return letters
    .slice(-MOST_LETTERS)
    .reverse()
    .map(({ source, code, message, key, rejectedAt }) => ({
      place: `${source.topic}/${String(source.partition)}/${String(source.offset)}`,
      ...{ code, message, rejectedAt },
      ...(key === undefined ? {} : { key }),
    }));
}

/** Undefined where the embedded one does not run, or its client is not set up. */
async function runningBroker(): Promise<KafkaConnection | undefined> {
  if (connectionIsNamed()) {
    const { connectionFromEnvironment } = await import('../../../pipelines/streaming/kafka/connection.ts');
    return connectionFromEnvironment();
  }
  const broker = await import('../../../infra/kafka/embedded-broker.ts').catch(() => undefined);
  const running = broker?.embeddedBroker.running();
  return running === undefined ? undefined : broker?.connectionTo(running.ports);
}

interface StreamConfig {
  readonly runId: string;
  readonly config: RunConfig;
}

const configs = new Kept<RunConfig>(50, 60_000);

/** Of streams whose workers are kept here, and of retrainings. */
async function streamConfigs({ runs, stores }: Sources): Promise<StreamConfig[]> {
  const found = new Map<string, () => Promise<RunConfig>>();
  for (const [runId, { configFile, set }] of keptStreams()) {
    found.set(runId, async () => await loadConfig(configFile, set));
  }
  for (const run of await runs.runs().catch(() => [])) {
    const isRetraining =
      run.type === WORKFLOWS.streamRetrain && run.storeUri !== undefined && isName(run.runId);
    if (!isRetraining || found.has(run.runId)) continue;
    const store = stores.get(stores.add(run.storeUri));
    found.set(run.runId, async () => await readRunConfig(store, run.runId));
  }
  const read = [...found].slice(0, MOST_STREAMS).map(async ([runId, make]) => {
    try {
      return [{ runId, config: await configs.get(runId, make) }];
    } catch {
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}

async function readStream(
  connection: KafkaConnection,
  runId: string,
  config: RunConfig,
  stores: Stores,
): Promise<StreamLine> {
  const { readStreamStatus } = await import('../../../pipelines/streaming/lag.ts');
  const target = await keptTarget(runId, config);
  const storeId = stores.add(config.store);
  const store = stores.get(storeId);
  const { ingest, sink, predict = [], manifest } = await readStreamStatus(connection, target, store);
  const model = await streamModel(store, storeId, config);
  const lines = (step: StreamStep, partitions: readonly PartitionStatus[]) =>
    partitions.map((one) => ({ step, ...one, ...rateOf(`${runId} ${step}`, one) }));
  return {
    runId,
    dataset: target.name,
    topics: [...lines('ingest', ingest), ...lines('sink', sink), ...lines('predict', predict)],
    ...(model === undefined ? {} : { model }),
    ...(manifest === undefined
      ? {}
      : { counts: manifest.counts, generation: manifest.generation, publishedAt: manifest.publishedAt }),
  };
}

function rateOf(of: string, { topic, partition, next }: PartitionStatus): { ratePerS?: number } {
  const key = `${of}\n${topic}\n${String(partition)}`;
  const at = performance.now();
  const earlier = before.get(key);
  before.set(key, { next, at });
  if (earlier === undefined || at - earlier.at < 100) return {};
  return { ratePerS: Number(((1_000 * (next - earlier.next)) / (at - earlier.at)).toFixed(1)) };
}
