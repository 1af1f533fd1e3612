/** What anybody may write to a topic, and where an event's file may lie. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseClipEvent } from '../../../pipelines/streaming/ingest/parse-event.ts';
import { EventRejected, authoriseFile } from '../../../pipelines/streaming/ingest/authorise-clip.ts';
import { deadLetterOf, encodeDeadLetter } from '../../../pipelines/streaming/dead-letters/dead-letter.ts';
import { encodeFeatureRecord, extractionKeyOf } from '../../../pipelines/streaming/rows/feature-record.ts';
import { judgeRecord, type Judgement } from '../../../pipelines/streaming/rows/judge-record.ts';
import { StreamIndex } from '../../../pipelines/streaming/rows/stream-index.ts';
import { extractionConfigSchema, storedFrames } from '../../../schemas/config/extraction-config.ts';
import { audioShape } from '../../../schemas/shard.ts';
import { deadLetterRecordSchema } from '../../../schemas/stream.ts';
import { mutatedBytes } from '../mutate-bytes.ts';
import { hostileText, mutatedJson, type Json } from '../mutate-values.ts';
import type { Target } from '../target.ts';
import { scratch, write } from './files.ts';

/** A broker takes 1 MiB by default, key and all. */
const MOST_LETTER_BYTES = 300_000;
const CLASSES = ['dog', 'cat'];

export function streamTargets(): Target[] {
  const kind = 'events and records';
  const events: Json[] = [
    {
      schemaVersion: 1,
      clipId: 'a/b-1',
      uri: 'file:///clips/a.mp4',
      label: 'dog',
      sentAt: '2026-01-01T00:00:00Z',
    },
    {
      ...{ schemaVersion: 1, clipId: 'c', uri: 'file:///clips/c%20d.mp4', audioUri: 'file:///clips/c.wav' },
      ...{ label: 'cat', split: 'train', group: 'g', startS: 1.5, endS: 3, sha256: '0'.repeat(64) },
      sentAt: '2026-01-01T00:00:00.123+02:00',
    },
  ];
  const event = {
    ...{ name: 'clip-event', kind, inputs: mutatedJson(events) },
    parse: (bytes: Buffer) => {
      const message = { topic: 't', partition: 0, offset: 1, key: bytes.subarray(0, 700), value: bytes };
      try {
        return parseClipEvent(bytes, CLASSES);
      } catch (error) {
        if (!(error instanceof EventRejected)) throw error;
        const { value } = encodeDeadLetter(deadLetterOf(message, error.code, error.message));
        if (value.length > MOST_LETTER_BYTES)
          throw new RangeError(`a letter of ${String(value.length)} bytes`, { cause: error });
        deadLetterRecordSchema.parse(JSON.parse(value.toString()));
        throw error;
      }
    },
    refuses: (error: Error) => error instanceof EventRejected,
  };
  return [event, fileTarget(kind), recordTarget(kind)];
}

function fileTarget(kind: string): Target<string> {
  const folder = scratch();
  const roots = [join(folder, 'clips')];
  write(folder, 'clips/a.mp4', 'x');
  write(folder, 'clips/sub/b c.mp4', 'x');
  write(folder, 'clips-not/secret.mp4', 'x');
  mkdirSync(join(folder, 'clips/empty'));
  symlinkSync(join(folder, 'clips-not'), join(folder, 'clips/link'));
  symlinkSync('/etc/passwd', join(folder, 'clips/passwd.mp4'));
  const base = `file://${folder}/clips/`;
  const step = fc.oneof(
    fc.constantFrom(
      '..',
      '.',
      '',
      '%2e%2e',
      '..%2f',
      'a.mp4',
      'sub',
      'link',
      'secret.mp4',
      'clips-not',
      'passwd.mp4',
      'b%20c.mp4',
    ),
    hostileText,
  );
  const uri = fc.oneof(
    fc
      .tuple(
        fc.constantFrom(
          base,
          'file:',
          'file://',
          'FILE:///',
          'file://host/',
          'http://h/',
          'concat:',
          '',
          `${folder}/clips/`,
        ),
        fc.array(step, { maxLength: 6 }),
      )
      .map(([start, steps]) => (start + steps.join('/')).slice(0, 4_096)),
    mutatedBytes([
      Buffer.from(`${base}a.mp4`),
      Buffer.from(`${base}sub/b%20c.mp4`),
      Buffer.from(`${base}link/secret.mp4`),
    ]).map((bytes) => bytes.toString('utf8').slice(0, 4_096)),
  );
  return {
    ...{ name: 'event-file', kind, inputs: uri, share: 0.5 },
    parse: async (text) => await authoriseFile(text, { roots, maxBytes: 1_000 }),
    judge: (path) =>
      String(path).startsWith(`${folder}/clips/`) ? undefined : `it may read ${String(path)}`,
    refuses: (error) => error instanceof EventRejected,
  };
}

function recordTarget(kind: string): Target<Buffer> {
  const extraction = extractionConfigSchema.parse({
    audio: { sampleRateHz: 8_000, nFft: 64, hop: 400, durationS: 1 },
    video: { frames: 1, fps: 1, shortSide: 16 },
  });
  const extractionKey = extractionKeyOf(extraction, 'x');
  const [f, t] = audioShape(extraction.audio);
  const frames = storedFrames(extraction.video);
  const record = (n: number, extra: object) =>
    Buffer.from(
      encodeFeatureRecord({
        ...{ clipId: `clip-${String(n)}`, label: 'dog', contentHash: '0'.repeat(64), extractionKey },
        ...{ sentAt: '2026-01-01T00:00:00Z', source: { topic: 'm.clips', partition: 0, offset: n } },
        features: {
          audio: { data: Float32Array.from({ length: f * t }, (_, i) => Math.sin(i)), shape: [f, t] },
          rgb: { data: new Uint8Array(frames * 16 * 16 * 3).fill(n), shape: [frames, 16, 16, 3] },
          missing: {},
        },
        ...extra,
      }),
    );
  const soundless = {
    features: {
      missing: { audio: { code: 'silent', reason: 'all zero' } },
      rgb: { data: new Uint8Array(frames * 768), shape: [frames, 16, 16, 3] },
    },
  };
  const rules = {
    name: 'tiny',
    classNames: CLASSES,
    extractionKey,
    extraction,
    shares: { test: 0.2, validation: 0.1 },
  };
  const inputs = mutatedBytes([
    record(0, {}),
    record(1, { split: 'train', group: 'g', dataset: 'tiny' }),
    record(2, soundless),
  ]);
  return {
    ...{ name: 'feature-record', kind, inputs, share: 3 },
    parse: (bytes) => {
      // A client's buffer starts anywhere.
      const value = Buffer.concat([Buffer.alloc(bytes.length % 4), bytes]).subarray(bytes.length % 4);
      return judgeRecord(
        { ...{ topic: 't', partition: 0, offset: 7, size: 1, key: null }, value },
        new StreamIndex(),
        rules,
      );
    },
    judge: (value) => {
      const judgement = value as Judgement;
      if (judgement.as !== 'row') return undefined;
      const { audio, rgb } = judgement.features;
      const fits =
        (audio === undefined || audio.data.length === f * t) &&
        (rgb === undefined || rgb.data.length === rgb.shape.reduce((a, b) => a * b, 1));
      if (!fits) return 'a row has another size than its shape';
      return audio?.data.every(Number.isFinite) === false ? 'a row holds no numbers' : undefined;
    },
  };
}
