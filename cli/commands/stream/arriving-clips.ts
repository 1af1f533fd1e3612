/**
 * The clips that arrive in `modalmix demo --stream`: three batches of events about digits made here, among
 * them duplicates and events that cannot be used, each for another reason.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { listClips } from '../../../pipelines/datasets/index-dataset.ts';
import type { OutgoingRecord } from '../../../pipelines/streaming/kafka/deliver.ts';
import { encodeClipEvent } from '../../../pipelines/streaming/send-clips.ts';
import { datasetConfigSchema } from '../../../schemas/config/dataset-config.ts';
import type { TopicNames } from '../../../schemas/names.ts';
import {
  CLIP_EVENT_MAX_BYTES,
  CLIP_EVENT_VERSION,
  clipEventSchema,
  type ClipEvent,
  type DeadLetterCode,
} from '../../../schemas/stream.ts';

export interface ArrivingBatch {
  readonly number: number;
  /** In the order in which they are sent. */
  readonly records: readonly OutgoingRecord[];
  /** Clips that no event named before. */
  readonly newClips: readonly ClipEvent[];
  readonly duplicates: number;
  /** Why each unusable event must become a dead letter. */
  readonly unusable: readonly DeadLetterCode[];
}

export interface ArrivingOptions {
  /** Where the media files go; a root that the stream allows. */
  readonly root: string;
  readonly topics: TopicNames;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

interface BatchPlan {
  readonly trainClips: number;
  readonly testClips: number;
  /** The last batch is heard worse than all before: a drift to be seen. */
  readonly audioClarity: number;
  readonly duplicates: number;
  readonly unusable: readonly DeadLetterCode[];
}

/** 200 events: 180 clips, 10 duplicates, 10 that cannot be used. */
export const BATCHES: readonly BatchPlan[] = [
  {
    ...{ trainClips: 45, testClips: 15, audioClarity: 0.9, duplicates: 3 },
    unusable: ['malformed-json', 'unknown-label', 'missing-file'],
  },
  {
    ...{ trainClips: 45, testClips: 15, audioClarity: 0.9, duplicates: 4 },
    unusable: ['invalid-event', 'path-not-allowed', 'empty'],
  },
  {
    ...{ trainClips: 45, testClips: 15, audioClarity: 0.6, duplicates: 3 },
    unusable: ['scheme-not-allowed', 'event-too-large', 'unreadable', 'hash-mismatch'],
  },
];

/** Makes the media of a batch where they are missing, and its events. @param number from 1 */
export async function arrivingBatch(number: number, options: ArrivingOptions): Promise<ArrivingBatch> {
  const plan = BATCHES[number - 1];
  if (plan === undefined) throw new RangeError(`there is no batch ${String(number)}`);
  const { topics } = options;
  const newClips = await eventsOf(number, plan, options);
  const unusable = await Promise.all(
    plan.unusable.map(async (code, place) => ({
      ...{ topic: topics.clips, key: `unusable-${String(number)}-${String(place)}` },
      value: await unusableValue(code, join(options.root, 'unusable'), newClips[0]),
    })),
  );
  const again = newClips.slice(0, plan.duplicates);
  const records = newClips.map((event) => encodeClipEvent(topics, event));
  return {
    number,
    records: [
      ...records.slice(0, -1),
      ...unusable,
      ...again.map((event) => encodeClipEvent(topics, event)),
      ...records.slice(-1),
    ],
    newClips,
    duplicates: again.length,
    unusable: plan.unusable,
  };
}

async function eventsOf(number: number, plan: BatchPlan, options: ArrivingOptions): Promise<ClipEvent[]> {
  const { trainClips, testClips, audioClarity } = plan;
  const dataset = datasetConfigSchema.parse({
    ...{ format: 'digits', root: join(options.root, `batch-${String(number)}`), videoClarity: 0.5 },
    ...{ seed: options.seed + number, trainClips, testClips, audioClarity },
  });
  const found = await listClips(dataset, options.signal === undefined ? {} : { signal: options.signal });
  const sentAt = new Date().toISOString();
  return found.clips.map(({ clipId, path, label, split, group }) =>
    clipEventSchema.parse({
      schemaVersion: CLIP_EVENT_VERSION,
      clipId: `batch-${String(number)}/${clipId}`,
      uri: pathToFileURL(path).href,
      label: found.classNames[label],
      split,
      group,
      sentAt,
    }),
  );
}

/** An event, or bytes that are none, which ingest must refuse with that code. */
async function unusableValue(code: DeadLetterCode, folder: string, like?: ClipEvent): Promise<Buffer> {
  await mkdir(folder, { recursive: true });
  const event = { ...like, clipId: `unusable/${code}` };
  const fileOf = async (bytes: string) => {
    const path = join(folder, `${code}.mp4`);
    await writeFile(path, bytes);
    return pathToFileURL(path).href;
  };
  switch (code) {
    case 'malformed-json':
      return Buffer.from('{"schemaVersion": 1, "clipId": ');
    case 'invalid-event':
      return json({ ...event, sentAt: 'yesterday' });
    case 'unknown-label':
      return json({ ...event, label: 'eleventy' });
    case 'scheme-not-allowed':
      return json({ ...event, uri: 'https://example.org/clip.mp4' });
    case 'path-not-allowed':
      return json({ ...event, uri: 'file:///etc/hostname' });
    case 'missing-file':
      return json({ ...event, uri: pathToFileURL(join(folder, 'never-there.mp4')).href });
    case 'event-too-large':
      return json({ ...event, group: 'x'.repeat(CLIP_EVENT_MAX_BYTES) });
    case 'hash-mismatch':
      return json({ ...event, sha256: '0'.repeat(64) });
    case 'empty':
      return json({ ...event, uri: await fileOf('') });
    case 'unreadable':
      return json({ ...event, uri: await fileOf('these are words, not a video\n'.repeat(100)) });
    default:
      throw new RangeError(`no event is made for ${code}`);
  }
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
