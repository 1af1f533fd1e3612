/** Publishes a clip event for every clip of a folder or table. */
import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { datasetConfigSchema, type DatasetConfig } from '../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import type { TopicNames } from '../../schemas/names.ts';
import { CLIP_EVENT_VERSION, clipEventSchema, type ClipEvent } from '../../schemas/stream.ts';
import type { ListedClip } from '../datasets/dataset-adapter.ts';
import { clipIdOf } from '../datasets/clip-id.ts';
import { listClips } from '../datasets/index-dataset.ts';
import { listFiles } from '../datasets/list-files.ts';
import { isMediaFile } from '../datasets/media-files.ts';
import { connectProducer, disconnect } from './kafka/clients.ts';
import type { KafkaConnection } from './kafka/connection.ts';
import { deliver, type OutgoingRecord } from './kafka/deliver.ts';

/**
 * The events of a folder (`<class>/**`, or `train/<class>/**` and `test/<class>/**`) or of a table
 * (`path,label[,split][,id][,group][,start][,end][,audio_path]`).
 * @param classes the dataset's; absent: the ones found
 * @throws ModalmixError `config` when it is neither, or names a class that is none
 */
export async function clipEventsOf(source: string, classes?: readonly string[]): Promise<ClipEvent[]> {
  const found = await listClips(await sourceConfig(resolve(source), classes));
  const sentAt = new Date().toISOString();
  return found.clips.map((clip) => eventOf(clip, found.classNames[clip.label] ?? '', sentAt));
}

/**
 * Events without a label, of every media file of a folder, at any depth; a clip's id is its path there.
 * @throws ModalmixError `config` when there is none
 */
export async function unlabelledEventsOf(folder: string): Promise<ClipEvent[]> {
  const root = resolve(folder);
  const files = (await listFiles(root).catch(() => [])).filter(isMediaFile);
  if (files.length === 0) {
    throw new ModalmixError('config', 'there is no clip to send', {
      where: root,
      fix: 'Name a folder with clips.',
    });
  }
  const sentAt = new Date().toISOString();
  return files.map((path) =>
    clipEventSchema.parse({
      schemaVersion: CLIP_EVENT_VERSION,
      clipId: clipIdOf(relative(root, path)),
      uri: pathToFileURL(path).href,
      sentAt,
    }),
  );
}

async function sourceConfig(path: string, classes: readonly string[] | undefined): Promise<DatasetConfig> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new ModalmixError('config', 'there is nothing to send', {
      where: path,
      fix: 'Name a folder with one folder of clips a class, or a CSV file with the columns path and label.',
      cause,
    });
  });
  const common = classes === undefined ? {} : { classes };
  return datasetConfigSchema.parse(
    facts.isDirectory()
      ? { format: 'folder', root: path, ...common }
      : { format: 'csv', file: path, ...common },
  );
}

function eventOf(clip: ListedClip, label: string, sentAt: string): ClipEvent {
  const { clipId, path, audioPath, split, group, startS, endS } = clip;
  return clipEventSchema.parse({
    schemaVersion: CLIP_EVENT_VERSION,
    clipId,
    uri: pathToFileURL(path).href,
    ...(audioPath === undefined ? {} : { audioUri: pathToFileURL(audioPath).href }),
    label,
    ...(split === undefined ? {} : { split }),
    ...(group === undefined ? {} : { group }),
    ...(startS === undefined ? {} : { startS }),
    ...(endS === undefined ? {} : { endS }),
    sentAt,
  });
}

/** Key and value as they stand on the topic: the key is the clip's id, so a clip's events stay in order. */
export function encodeClipEvent(topics: TopicNames, event: ClipEvent): OutgoingRecord {
  return { topic: topics.clips, key: event.clipId, value: Buffer.from(JSON.stringify(event)) };
}

/**
 * Sends the events in order and waits until the broker has them all.
 * @returns how many
 * @throws ModalmixError `transient` when the broker does not take one in time
 */
export async function sendClipEvents(
  connection: KafkaConnection,
  topics: TopicNames,
  events: Iterable<ClipEvent>,
): Promise<number> {
  const producer = await connectProducer(connection, 'send', { dr_cb: true });
  try {
    return await deliver(producer, encodeAll(topics, events));
  } finally {
    await disconnect(producer);
  }
}

function* encodeAll(topics: TopicNames, events: Iterable<ClipEvent>): Generator<OutgoingRecord> {
  for (const event of events) yield encodeClipEvent(topics, event);
}
