/** The settings of topics as the brokers tell them, by our own compiled part (`native/topic_settings.cc`). */
import type { KafkaConsumer, Producer } from 'node-rdkafka';
import { nativeAddon } from '../../process/native-addon.ts';
import { CONNECT_TIMEOUT_MS, KAFKA_CODES, kafkaError } from './clients.ts';

export type TopicSettings =
  /** By Kafka's own names, e.g. `retention.ms`; those whose values are secret are left out. */
  | { readonly settings: Readonly<Record<string, string>> }
  /** Why they cannot be known, now or later. */
  | { readonly unknown: string };

interface Failure {
  readonly code: number;
  readonly message: string;
}

interface Describer {
  describe(
    client: unknown,
    topics: readonly string[],
    timeoutMs: number,
  ): Promise<{
    readonly topics: readonly {
      readonly topic: string;
      readonly settings: Readonly<Record<string, string>>;
      readonly error?: Failure;
    }[];
    readonly error?: Failure;
  }>;
}

const addon = nativeAddon<Describer>('topic_settings', {
  setup: 'npm run setup -- --for=stream',
  platforms: ['linux'],
});

/** Where set-up puts the compiled part. */
export const TOPIC_SETTINGS_PATH = addon.path;

/** Asked again, these brokers answer the same. */
const REFUSALS: ReadonlySet<number> = new Set([
  KAFKA_CODES.topicAuthorization,
  KAFKA_CODES.clusterAuthorization,
]);
const UNSUPPORTED: ReadonlySet<number> = new Set([
  KAFKA_CODES.unsupportedVersion,
  KAFKA_CODES.unsupportedFeature,
]);

/**
 * What the brokers say of each topic, asked in one request on a thread of its own.
 * @param client connected
 * @throws ModalmixError `transient` when the brokers do not answer, or not about every topic
 */
export async function describeTopics(
  client: Producer | KafkaConsumer,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicSettings>> {
  const describer = addon.load();
  if (describer === undefined) return everyTopic(topics, addon.problem() ?? '');
  // The client's JavaScript keeps the object that its own compiled part made here.
  const { _client: inner } = client as unknown as { readonly _client: unknown };
  const answer = await describer.describe(inner, topics, CONNECT_TIMEOUT_MS);
  if (answer.error !== undefined) return everyTopic(topics, refusalOf(answer.error));
  const told = answer.topics.map(({ topic, settings, error }): [string, TopicSettings] => [
    topic,
    error === undefined ? { settings } : { unknown: refusalOf(error) },
  ]);
  return new Map(told);
}

function everyTopic(topics: readonly string[], unknown: string): ReadonlyMap<string, TopicSettings> {
  return new Map(topics.map((topic) => [topic, { unknown }]));
}

/** @throws ModalmixError when it is no refusal */
function refusalOf({ code, message }: Failure): string {
  if (UNSUPPORTED.has(code)) return `the broker cannot tell: ${message}`;
  if (REFUSALS.has(code))
    return `the broker does not tell: ${message.trim().replace(/\.$/u, '')}; this user needs DescribeConfigs on them`;
  throw kafkaError(Object.assign(new Error(message), { code }), "asking for the topics' settings");
}
