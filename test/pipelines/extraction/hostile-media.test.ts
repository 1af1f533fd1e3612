/** Files that ask for more than they should have cost themselves alone, with both engines. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import type { Clip } from '../../../schemas/clip.ts';
import { extractionConfigSchema, hashedExtraction } from '../../../schemas/config/extraction-config.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-hostile-media-'));
const at = (name: string) => join(folder, name);
const clip = (name: string): Clip => ({ clipId: 'a', path: at(name), label: 0, split: 'train' });
const ask = (more: object = {}) => extractionConfigSchema.parse({ video: { shortSide: 48 }, ...more });
let engines: Extractor[];

function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}

beforeAll(async () => {
  engines = [await createFfmpegExtractor(), await createNodeAvExtractor()];
  const film = ['-f', 'lavfi', '-i', 'testsrc2=size=96x72:rate=25:duration=2'];
  const sound = ['-f', 'lavfi', '-i', 'sine=440:duration=2'];
  ffmpeg(...film, ...sound, '-c:v', 'mpeg4', '-c:a', 'aac', at('good.mp4'));
  const wide = ['-f', 'lavfi', '-i', 'color=black:size=6200x6200:duration=0.04:rate=25'];
  ffmpeg(...wide, ...sound, '-c:v', 'png', '-pix_fmt', 'gray', '-c:a', 'pcm_s16le', at('wide.mkv'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
};
const box = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, 'latin1'), body]);
};

/** An MP4 of a kilobyte whose two tracks claim `samples` samples of one byte each: FFmpeg keeps 24 bytes of each. */
function promising(samples: number): Buffer {
  const matrix = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
  const entry = box(
    'jpeg',
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, ...Array<number>(16).fill(0), 0, 64, 0, 64]),
    u32(0x480000, 0x480000, 0),
    Buffer.from([0, 1, ...Array<number>(32).fill(0), 0, 24, 255, 255]),
  );
  const table = box(
    'stbl',
    box('stsd', u32(0, 1), entry),
    box('stts', u32(0, 1, samples, 1)),
    box('stsc', u32(0, 1, 1, samples, 1)),
    box('stsz', u32(0, 1, samples)),
    box('stco', u32(0, 1, 40)),
  );
  const handler = box('hdlr', u32(0, 0), Buffer.from('vide'), u32(0, 0, 0), Buffer.alloc(1));
  const media = box(
    'mdia',
    box('mdhd', u32(0, 0, 0, 25, samples, 0)),
    handler,
    box('minf', box('vmhd', u32(1, 0, 0)), table),
  );
  const track = (id: number) =>
    box(
      'trak',
      box('tkhd', u32(3, 0, 0, id, 0, samples, 0, 0, 0, 0), matrix, u32(64 << 16, 64 << 16)),
      media,
    );
  const movie = box(
    'mvhd',
    u32(0, 0, 0, 25, samples, 0x10000, 0x1000000, 0, 0),
    matrix,
    Buffer.alloc(24),
    u32(3),
  );
  const file = [box('ftyp', Buffer.from('isom'), u32(0)), box('moov', movie, track(1), track(2))];
  return Buffer.concat([...file, box('mdat', Buffer.alloc(16))]);
}

test('a file of a kilobyte that takes gigabytes is given up before it has them, and the next clip is extracted', async () => {
  writeFileSync(at('promising.mp4'), promising(80_000_000));
  expect(statSync(at('promising.mp4')).size).toBeLessThan(1_000);
  const how = ask({ limits: { clipMemoryMiB: 1_024 } });
  for (const engine of engines) {
    await expect(engine.extract(clip('promising.mp4'), how)).rejects.toMatchObject({
      code: 'too-large',
      message: expect.stringContaining('clipMemoryMiB') as string,
    });
    expect((await engine.extract(clip('good.mp4'), how)).missing).toEqual({});
  }
});

test('a picture of more pixels than any film has is not decoded, and its sound is used', async () => {
  for (const engine of engines) {
    const { missing, audio } = await engine.extract(clip('wide.mkv'), ask());
    expect(missing).toMatchObject({ rgb: { code: 'undecodable' } });
    expect(audio).toBeDefined();
  }
});

test('the limit of memory changes no dataset’s version unless it is set', () => {
  const { limits } = hashedExtraction(ask());
  expect(limits).toEqual({ clipTimeoutS: 120, clipMaxMiB: 4096 });
  expect(hashedExtraction(ask({ limits: { clipMemoryMiB: 512 } })).limits).toMatchObject({
    clipMemoryMiB: 512,
  });
});
