/** A sink that knows the clips of the version the run's rebuild published; events go through ingest's own steps. */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Message } from 'node-rdkafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Extractor } from '../../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../../pipelines/extraction/ffmpeg/extractor.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { realRoots } from '../../../../pipelines/streaming/ingest/authorise-clip.ts';
import { freezeSnapshot } from '../../../../pipelines/streaming/ranges/freeze-snapshot.ts';
import { SILENT_LOG } from '../../../../pipelines/streaming/log.ts';
import { openSinkState } from '../../../../pipelines/streaming/sink/open-sink.ts';
import { processEvent } from '../../../../pipelines/streaming/ingest/process-event.ts';
import type { SinkState, Taken } from '../../../../pipelines/streaming/sink/sink-state.ts';
import type { StreamTarget } from '../../../../pipelines/streaming/stream-target.ts';
import type { Clip } from '../../../../schemas/clip.ts';
import type { DatasetManifest } from '../../../../schemas/manifest.ts';
import { streamConfigSchema } from '../../../../schemas/config/stream-config.ts';
import type { ClipEvent } from '../../../../schemas/stream.ts';
import { clipOf, ffmpeg, makeClip, newFolder, rebuild, smallExtraction } from '../../shards/fixtures.ts';

const folder = newFolder();
const CLASSES = ['even', 'odd'];
const file = (name: string) => join(folder, name);

let extractor: Extractor;
let store: Store;
let clips: Clip[];
let base: DatasetManifest;
let target: StreamTarget;

function eventOf(clip: Clip, changes: Partial<ClipEvent> = {}): ClipEvent {
  const { clipId, path, audioPath, startS, endS, group, label } = clip;
  return {
    ...{ schemaVersion: 1, clipId, uri: pathToFileURL(path).href, label: CLASSES[label] ?? '' },
    ...(audioPath === undefined ? {} : { audioUri: pathToFileURL(audioPath).href }),
    ...(startS === undefined ? {} : { startS }),
    ...(endS === undefined ? {} : { endS }),
    ...(group === undefined ? {} : { group }),
    sentAt: '2026-01-02T03:04:05.678Z',
    ...changes,
  };
}

async function openState(changes: Partial<StreamTarget> = {}, warnings: object[] = []): Promise<SinkState> {
  return await openSinkState({
    ...{ store, target: { ...target, ...changes }, baseVersion: base.version, writerId: 'test' },
    shares: { test: 0, validation: 0 },
    log: { ...SILENT_LOG, warn: (facts) => warnings.push(facts) },
  });
}

let offset = 0;

async function take(state: SinkState, event: ClipEvent): Promise<Taken> {
  const message = { partition: 0, offset, topic: 'features', size: 0, value: null } as Message;
  offset += 1;
  const outcome = await processEvent(message, event, {
    ...{ target, extractor, maxRecordBytes: 1e6, log: SILENT_LOG },
    allowed: { roots: await realRoots([folder]), maxBytes: 1e8 },
    isKnown: () => false,
    onExtracted: () => undefined,
    signal: new AbortController().signal,
  });
  if (outcome.kind !== 'features') throw new Error(`the event became ${JSON.stringify(outcome)}`);
  const value = Buffer.from(outcome.record);
  return await state.take({ ...message, value, size: value.length });
}

beforeAll(async () => {
  extractor = await createFfmpegExtractor();
  store = openStore(`file:${file('store')}`);
  ffmpeg('-f', 'lavfi', '-i', 'sine=300:duration=1', file('sound.wav'));
  clips = [
    clipOf(makeClip(file('0.mp4'), 0), 0, 'train'),
    { ...clipOf(makeClip(file('1.mp4'), 1), 1, 'train'), audioPath: file('sound.wav') },
    { ...clipOf(file('0.mp4'), 2, 'test'), startS: 0.5 },
    { ...clipOf(file('1.mp4'), 3, 'test'), startS: 0, endS: 0.5 },
    { ...clipOf(makeClip(file('4.mp4'), 4), 4, 'validation'), group: 'a speaker for validation' },
  ];
  target = {
    ...{ name: 'test', classNames: CLASSES, extraction: smallExtraction() },
    ...{ extractorVersion: extractor.version, stream: streamConfigSchema.parse({}) },
  };
  base = (await rebuild(store, clips, smallExtraction(), extractor)).manifest;
}, 120_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("events that say what the base says are duplicates: files, separate sound, segments, validation's part of train", async () => {
  const state = await openState();
  for (const clip of clips) {
    // The list that names it knows no validation split.
    const split = clip.split === 'validation' ? 'train' : clip.split;
    for (const event of [eventOf(clip), eventOf(clip, { split })]) {
      expect(await take(state, event)).toEqual({ as: 'duplicate' });
    }
  }
  expect(await take(state, eventOf(clips[2]!, { startS: 0.25 }))).toMatchObject({ as: 'row' });
  await state.discard();
});

test("a corrected label replaces the base's row when the snapshot is frozen; split and group stay", async () => {
  const state = await openState();
  copyFileSync(file('0.mp4'), file('new.mp4'));
  const fresh = { ...clips[4]!, clipId: 'new', path: file('new.mp4') };
  expect(await take(state, eventOf(clips[4]!, { label: 'odd', split: 'train' }))).toMatchObject({
    as: 'row',
  });
  expect(await take(state, eventOf(clips[2]!, { label: 'odd' }))).toMatchObject({ as: 'row' });
  expect(await take(state, eventOf(fresh))).toMatchObject({ as: 'row' });
  await state.publish();
  const { manifest } = state;
  expect(manifest).toMatchObject({ baseVersion: base.version, superseded: [] });
  expect(manifest.counts).toMatchObject({ rows: 3, superseded: 0 });

  const frozen = await freezeSnapshot({ store, base, stream: manifest, newShards: [] });
  expect(frozen.snapshot?.droppedRows).toBe(2);
  expect(frozen.splits.train).toEqual(base.splits.train);
  expect(frozen.splits.validation).toMatchObject({ rows: 2, classCounts: [1, 1] });
  expect(frozen.splits.test).toMatchObject({ rows: 2, classCounts: [0, 2] });

  // Known to the next sink too, which then sees the label as it was: that is newer, and replaces a stream row.
  const next = await openState();
  expect(await take(next, eventOf(clips[4]!, { label: 'odd', split: 'train' }))).toEqual({ as: 'duplicate' });
  const later = '2026-01-03T00:00:00Z';
  expect(await take(next, eventOf(clips[4]!, { sentAt: later }))).toMatchObject({ as: 'supersedes' });
  await next.discard();
});

test('a base of another extraction is not compared with, and the sink says so', async () => {
  const warnings: object[] = [];
  const state = await openState({ extractorVersion: 'another' }, warnings);
  expect(warnings).toMatchObject([{ baseVersion: base.version }]);
  expect(state.manifest.baseVersion).toBeUndefined();
  await expect(openState({ classNames: ['odd', 'even'] })).rejects.toMatchObject({ kind: 'config' });
});
