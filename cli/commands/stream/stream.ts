/** What `modalmix infra …` and `modalmix stream …` do. */
import { brokerHasBeenStarted } from '../../../infra/kafka/broker-folders.ts';
import { loadConfig } from '../../../pipelines/config/load-config.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import type { PartitionStatus } from '../../../pipelines/streaming/lag.ts';
import type { RecordPlace } from '../../../pipelines/streaming/rows/feature-record.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { topicNames } from '../../../schemas/names.ts';
import { streamOf } from '../../../schemas/config/stream-config.ts';
import { connectKafka, ensureParts, nothingStreamed, type ConfigFlags } from './connect.ts';
import { counted } from '../../text/counted.ts';
import type { Screen } from '../../../runs/screen.ts';
import { oneLine } from '../../../schemas/printable.ts';

export async function bringUp(screen: Screen): Promise<void> {
  const { connection, embedded } = await connectKafka(screen);
  const brokers = connection.brokers.join(',');
  screen.say(
    embedded
      ? `The embedded Kafka broker answers at ${brokers}.`
      : `Kafka: ${brokers} (from the environment).`,
  );
  screen.event('kafka', { brokers: connection.brokers, embedded });
}

export async function bringDown(screen: Screen): Promise<void> {
  if (!brokerHasBeenStarted()) {
    screen.say('No embedded Kafka broker has been started here.');
    return;
  }
  await ensureParts(screen);
  const { stopKafka } = await import('../../../infra/kafka/ensure-kafka.ts');
  await stopKafka();
  screen.say('The embedded Kafka broker is stopped; its topics stay.');
  screen.event('kafka stopped', {});
}

export interface SendFlags extends ConfigFlags {
  readonly unlabelled?: boolean;
}

/** @throws ModalmixError `config` when the source holds no clip or names a class that is none */
export async function send(source: string, flags: SendFlags, screen: Screen): Promise<void> {
  const config = await loadConfig(flags.config, flags.set);
  const { connection } = await connectKafka(screen);
  const { clipEventsOf, sendClipEvents, unlabelledEventsOf } =
    await import('../../../pipelines/streaming/send-clips.ts');
  const { ensureTopics } = await import('../../../pipelines/streaming/kafka/topics.ts');
  const { classNamesOf } = await import('../../../pipelines/streaming/stream-settings.ts');
  const topics = await ensureTopics(connection, streamOf(config));
  const events =
    flags.unlabelled === true
      ? await unlabelledEventsOf(source)
      : await clipEventsOf(source, await classNamesOf(config.dataset));
  const sent = await sendClipEvents(connection, topics, events);
  screen.say(`${counted(sent, 'event')} sent to ${topics.clips}.`);
  screen.event('sent', { events: sent, topic: topics.clips });
}

const NOTHING_STREAMED =
  'Nothing has been streamed here yet. Send clips: modalmix stream send <folder> --config <file>';

export async function status(flags: ConfigFlags, screen: Screen): Promise<void> {
  const config = await loadConfig(flags.config, flags.set);
  if (nothingStreamed()) {
    screen.say(NOTHING_STREAMED);
    return;
  }
  const { connection } = await connectKafka(screen);
  const { streamSettings } = await import('../../../pipelines/streaming/stream-settings.ts');
  const { createExtractor } = await import('../../../pipelines/extraction/create-extractor.ts');
  const { readStreamStatus } = await import('../../../pipelines/streaming/lag.ts');
  const { target } = await streamSettings(config, (await createExtractor(screen.say.bind(screen))).version);
  const found = await readStreamStatus(connection, target, openStore(config.store));
  const { ingest, sink, predict, manifest } = found;
  screen.say(lagTable({ ingest, sink, ...(predict === undefined ? {} : { predict }) }));
  if (manifest === undefined) screen.say('\nNo sink has begun yet.');
  else {
    const { rows, superseded, duplicates, outdated, foreign, deadLetters, unlabelled = 0 } = manifest.counts;
    screen.say(
      `\n${counted(rows - superseded, 'clip')} in ${counted(manifest.shards.length, 'shard')} (generation ${String(manifest.generation)}, ${manifest.publishedAt}). ` +
        `Of the feature records: ${counted(superseded, 'row')} replaced, ${counted(duplicates, 'duplicate')} and ${String(outdated)} outdated dropped, ` +
        `${String(foreign)} of other extractions and ${String(unlabelled)} without a label skipped, ${String(deadLetters)} to the dead letters. ` +
        'An ingest worker drops an event that it just saw before it becomes a record: its metrics count those.',
    );
  }
  const { workText } = await import('./stream-work.ts');
  screen.say(`\n${workText(config, flags)}`);
  screen.event('stream', {
    ingest,
    sink,
    predict,
    generation: manifest?.generation,
    counts: manifest?.counts,
  });
}

/** Sink and predict workers read the same topic, each at a place of its own. */
function lagTable(partitionsOf: Readonly<Record<string, readonly PartitionStatus[]>>): string {
  const header = ['step', 'topic', 'partition', 'done', 'end', 'lag'];
  const rows = Object.entries(partitionsOf).flatMap(([step, partitions]) =>
    partitions.map(({ topic, partition, next, end, lag }) =>
      [step, topic, partition, next, end, lag].map(String),
    ),
  );
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) =>
          column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}

export async function listLetters(flags: ConfigFlags, screen: Screen): Promise<void> {
  const config = await loadConfig(flags.config, flags.set);
  if (nothingStreamed()) {
    screen.say(NOTHING_STREAMED);
    return;
  }
  const { connection } = await connectKafka(screen);
  const { listDeadLetters } = await import('../../../pipelines/streaming/dead-letters/dead-letter.ts');
  const { ensureTopics } = await import('../../../pipelines/streaming/kafka/topics.ts');
  const others = new OtherRecords(screen);
  const topics = await ensureTopics(connection, streamOf(config));
  const letters = await listDeadLetters(connection, topics, others.note);
  for (const { source, code, message, key, rejectedAt } of letters) {
    const place = `${oneLine(source.topic)}/${String(source.partition)}/${String(source.offset)}`;
    screen.say(
      `${place}  ${oneLine(code)}  ${oneLine(key ?? '')}  ${oneLine(rejectedAt)}\n    ${message.replaceAll('\n', '\n    ')}`,
    );
    screen.event('dead-letter', { place, code, message, key, rejectedAt });
  }
  screen.say(letters.length === 0 ? 'No dead letters.' : `${counted(letters.length, 'dead letter')}.`);
  others.tell();
}

/** Records of the topic that are no dead letters: said, once, and in nobody's way. */
class OtherRecords {
  readonly #screen: Screen;
  #count = 0;
  #first: string | undefined;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  readonly note = ({ topic, partition, offset }: RecordPlace): void => {
    this.#count += 1;
    this.#first ??= `${topic}/${String(partition)}/${String(offset)}`;
  };

  tell(): void {
    if (this.#first === undefined) return;
    this.#screen.say(
      `${counted(this.#count, 'record')} there ${this.#count === 1 ? 'is no dead letter' : 'are no dead letters'} (the first: ${oneLine(this.#first)}): something else writes to that topic.`,
    );
    this.#screen.event('other-records', { count: this.#count, first: this.#first });
  }
}

export interface ReplayFlags extends ConfigFlags {
  readonly code?: string;
  readonly all?: boolean;
}

/** @throws ModalmixError `config` when nothing says which letters */
export async function replayLetters(
  places: readonly string[],
  flags: ReplayFlags,
  screen: Screen,
): Promise<void> {
  if (places.length === 0 && flags.code === undefined && flags.all !== true) {
    throw new ModalmixError('config', 'nothing says which letters to send again', {
      fix: 'Name places as "dead-letter list" shows them, a --code, or --all.',
    });
  }
  const config = await loadConfig(flags.config, flags.set);
  if (nothingStreamed()) {
    throw new ModalmixError('config', 'nothing has been streamed here, so there are no dead letters');
  }
  const { connection } = await connectKafka(screen);
  const { replayDeadLetters } = await import('../../../pipelines/streaming/dead-letters/dead-letter.ts');
  const others = new OtherRecords(screen);
  const { replayed, gone } = await replayDeadLetters(
    connection,
    topicNames(streamOf(config).topicPrefix),
    (letter) => {
      const { topic, partition, offset } = letter.source;
      return (
        flags.all === true ||
        letter.code === flags.code ||
        places.includes(`${topic}/${String(partition)}/${String(offset)}`)
      );
    },
    others.note,
  );
  screen.say(`${counted(replayed, 'event')} sent again.`);
  if (gone.length > 0) screen.say(`${counted(gone.length, 'event')} no longer on the topic.`);
  others.tell();
  screen.event('replayed', { replayed, gone: gone.length });
}
