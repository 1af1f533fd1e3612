/** Topics that somebody else made: used when their limits do, else told what is wrong and how to mend it. */
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { ensureKafka } from '../../../../infra/kafka/ensure-kafka.ts';
import { requireClassPath, requireJava } from '../../../../infra/kafka/jars.ts';
import {
  connectProducer,
  createTopic,
  disconnect,
  type TopicSpec,
} from '../../../../pipelines/streaming/kafka/clients.ts';
import { describeTopics } from '../../../../pipelines/streaming/kafka/topic-settings.ts';
import { ensureTopics, topicSpecs } from '../../../../pipelines/streaming/kafka/topics.ts';
import { ModalmixError, describeError } from '../../../../schemas/errors.ts';
import { streamConfigSchema, type StreamConfig } from '../../../../schemas/config/stream-config.ts';
import { brokerOfFile } from '../../../support/stream-fixture.ts';

const PATIENCE_MS = 120_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

brokerOfFile(PATIENCE_MS);

const streamOf = (topicPrefix: string, topics: object = {}): StreamConfig =>
  streamConfigSchema.parse({ topicPrefix, topics: { partitions: 1, retentionHours: 24, ...topics } });

/** The stream's topics as somebody else would make them. @param changed settings by the topic's last word */
async function makeTopics(
  stream: StreamConfig,
  changed: Record<string, Partial<TopicSpec['config']>>,
): Promise<void> {
  const { connection } = await ensureKafka();
  for (const spec of topicSpecs(stream)) {
    const word = spec.topic.split('.').at(-1)!;
    await createTopic(connection, { ...spec, config: { ...spec.config, ...changed[word] } } as TopicSpec);
  }
}

/** What checking the topics says: its warnings, and its error if it fails. */
async function check(stream: StreamConfig): Promise<{ warnings: string[]; error?: unknown }> {
  const warnings: string[] = [];
  const { connection } = await ensureKafka();
  try {
    await ensureTopics(connection, stream, (text) => warnings.push(text));
    return { warnings };
  } catch (error) {
    return { warnings, error };
  }
}

test('topics that are as the config says, or made by us, are used without a word', async () => {
  const stream = streamOf('right');
  expect(await check(stream)).toEqual({ warnings: [] });
  expect(await check(stream)).toEqual({ warnings: [] });
}, 30_000);

test.runIf(process.platform === 'linux')(
  'limits by which records are refused or lost are an error whose command mends them',
  { timeout: PATIENCE_MS },
  async () => {
    const stream = streamOf('tight', { maxFeatureMiB: 4 });
    await makeTopics(stream, {
      clips: { 'cleanup.policy': 'compact,delete' },
      features: { 'max.message.bytes': '1048588', 'retention.ms': String(HOUR_MS) },
    });
    const { warnings, error } = await check(stream);
    expect(warnings).toEqual([]);
    expect(error).toBeInstanceOf(ModalmixError);
    expect(error).toMatchObject({ kind: 'config', where: 'tight.clips, tight.features' });
    const told = describeError(error);
    expect(told).toContain('cleanup.policy of tight.clips is compact,delete, needed is delete');
    expect(told).toContain('max.message.bytes of tight.features is 1048588, needed is 4259840');
    expect(told).toContain(`retention.ms of tight.features is ${HOUR_MS}, needed is ${DAY_MS}`);
    expect(told).toContain(
      'change stream.topics.maxFeatureMiB and stream.topics.retentionHours in the config',
    );
    const commands = told.split('\n').filter((line) => line.includes('kafka-configs.sh'));
    expect(commands).toHaveLength(2);
    // What the script itself runs.
    await Promise.all(
      commands.map(async (line) => {
        const [, ...words] = line.trim().split(' ');
        await execa(requireJava(), ['-cp', requireClassPath(), 'kafka.admin.ConfigCommand', ...words]);
      }),
    );
    expect(await check(stream)).toEqual({ warnings: [] });
  },
);

test.runIf(process.platform === 'linux')(
  'limits that are only unwise are warned of, and the topics are used',
  { timeout: PATIENCE_MS },
  async () => {
    const stream = streamOf('loose');
    await makeTopics(stream, {
      clips: { 'retention.ms': String(2 * DAY_MS), 'max.message.bytes': '2000000' },
      features: { 'retention.bytes': '1000000' },
      'dead-letter': { 'retention.ms': String(DAY_MS) },
    });
    const { warnings, error } = await check(stream);
    expect(error).toBeUndefined();
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toContain(`retention.ms of loose.clips is ${2 * DAY_MS}, needed is ${DAY_MS}`);
    expect(warnings[1]).toContain('retention.bytes of loose.features is 1000000, needed is -1');
    expect(warnings[2]).toContain(`retention.ms of loose.dead-letter is ${DAY_MS}, needed is -1`);
    for (const warning of warnings) expect(warning).toContain('kafka-configs.sh --bootstrap-server');
  },
);

test('a topic with another number of partitions names the field that says how many', async () => {
  const stream = streamOf('wide');
  await makeTopics(stream, {});
  const { error } = await check(streamOf('wide', { partitions: 2 }));
  expect(error).toMatchObject({ kind: 'config', where: 'wide.clips' });
  expect(describeError(error)).toContain('Set stream.topics.partitions to 1');
}, 30_000);

test.runIf(process.platform === 'linux')(
  'asking about a topic that is not there, and through a client that is closed, are errors that may pass',
  { timeout: PATIENCE_MS },
  async () => {
    const { connection } = await ensureKafka();
    const client = await connectProducer(connection, 'test');
    const asked = describeTopics(client, ['no-such-topic']);
    await expect(asked).rejects.toMatchObject({ kind: 'transient' });
    await disconnect(client);
    await expect(describeTopics(client, ['no-such-topic'])).rejects.toMatchObject({ kind: 'transient' });
  },
);
