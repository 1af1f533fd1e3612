/** Noise at extraction: as much as asked, the same for a clip whoever extracts it, and none where none is asked for. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { disturbPictures, disturbSamples } from '../../../pipelines/extraction/disturb.ts';
import type { Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { extractionKeyOf } from '../../../pipelines/streaming/rows/feature-record.ts';
import type { Clip } from '../../../schemas/clip.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { clipOf, makeClip, rebuild, smallExtraction } from '../shards/fixtures.ts';

vi.setConfig({ testTimeout: 120_000 });

const folder = mkdtempSync(join(tmpdir(), 'modalmix-disturb-'));
const file = join(folder, 'clip.mkv');
const clip = (clipId: string, more: Partial<Clip> = {}): Clip => ({
  ...{ clipId, path: file, label: 0, split: 'train' },
  ...more,
});
const video = { fps: 2, frames: 2, shortSide: 64 };
const plain = extractionConfigSchema.parse({ video });
const noisy = extractionConfigSchema.parse({
  video,
  disturb: { seed: 7, audio: { snrDb: -6 }, rgb: { deviation: 0.1 } },
});
let engines: Extractor[];

beforeAll(async () => {
  const make = ['-f', 'lavfi', '-i', 'color=gray:size=96x64:rate=10:duration=1'];
  const sound = ['-f', 'lavfi', '-i', 'sine=440:sample_rate=22050:duration=1'];
  const codecs = ['-c:v', 'ffv1', '-c:a', 'pcm_s16le'];
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', ...make, ...sound, ...codecs, file]);
  engines = [await createFfmpegExtractor(), await createNodeAvExtractor()];
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const power = (values: Float32Array) => values.reduce((sum, value) => sum + value ** 2, 0) / values.length;

describe('noise in sound', () => {
  test.each([-6, 0, 20])('lies %i dB below the clip, filled-up places too', (snrDb) => {
    const own = 40_000;
    const clean = Float32Array.from({ length: 60_000 }, (_, i) => (i < own ? 0.3 * Math.sin(0.1 * i) : 0));
    const changed = clean.slice();
    disturbSamples(changed, own, snrDb, 0, 'a');
    const noise = changed.map((value, i) => value - clean[i]!);
    const signal = power(clean.subarray(0, own));
    for (const part of [noise.subarray(0, own), noise.subarray(own)]) {
      expect(Math.abs(10 * Math.log10(signal / power(part)) - snrDb)).toBeLessThan(0.2);
    }
    // White: neighbours say nothing of each other.
    const together = noise.subarray(1).reduce((sum, value, i) => sum + value * noise[i]!, 0);
    expect(Math.abs(together / noise.length / power(noise))).toBeLessThan(0.02);
  });
});

describe('noise in pictures', () => {
  test('has the deviation asked for, and is clipped to what a byte holds', () => {
    const mild = new Uint8Array(60_000).fill(128);
    disturbPictures(mild, 0.1, 0, 'a');
    const mean = mild.reduce((sum, value) => sum + value, 0) / mild.length;
    const variance = mild.reduce((sum, value) => sum + (value - mean) ** 2, 0) / mild.length;
    expect(Math.abs(mean - 128)).toBeLessThan(0.5);
    expect(Math.abs(Math.sqrt(variance) / 255 - 0.1)).toBeLessThan(0.002);

    const strong = new Uint8Array(60_000).fill(128);
    disturbPictures(strong, 0.8, 0, 'a');
    // P(N(0, 0.8) > 127/255 = 0.498) = 0.2668, at both ends.
    for (const end of [0, 255]) {
      const share = strong.filter((value) => value === end).length / strong.length;
      expect(Math.abs(share - 0.267)).toBeLessThan(0.01);
    }
  });
});

describe('a clip', () => {
  test('has the same noise whoever extracts it, in any split; another clip or seed another', async () => {
    const otherSeed = { ...noisy, disturb: { ...noisy.disturb!, seed: 8 } };
    const rows = await Promise.all(
      engines.map(async (engine) => ({
        one: await engine.extract(clip('a'), noisy),
        again: await engine.extract(clip('a', { split: 'test' }), noisy),
        other: await engine.extract(clip('b'), noisy),
        seeded: await engine.extract(clip('a'), otherSeed),
        clean: await engine.extract(clip('a'), plain),
      })),
    );
    for (const { one, again, other, seeded, clean } of rows) {
      expect(again).toEqual(one);
      for (const modality of ['audio', 'rgb'] as const) {
        for (const different of [other, seeded, clean]) {
          expect(one[modality]!.data).not.toEqual(different[modality]!.data);
        }
      }
      const off = clean.rgb!.data.reduce((sum, byte, i) => sum + (byte - one.rgb!.data[i]!) ** 2, 0);
      expect(Math.abs(Math.sqrt(off / clean.rgb!.data.length) / 255 - 0.1)).toBeLessThan(0.003);
    }
    const [program, library] = rows;
    expect(library!.one.rgb).toEqual(program!.one.rgb);
    const worst = program!.one.audio!.data.reduce(
      (most, value, i) => Math.max(most, Math.abs(Math.exp(value) - Math.exp(library!.one.audio!.data[i]!))),
      0,
    );
    expect(worst).toBeLessThan(0.01);
  });

  test('keeps its row while no noise is asked for, and shares no noise with a copy of its file', async () => {
    const store = openStore(`file:${join(folder, 'store')}`);
    const [engine] = engines;
    const other = makeClip(join(folder, 'other.mp4'), 3);
    const before = smallExtraction();
    // What an earlier release hashed: the same text, without any trace of the new setting.
    expect(JSON.stringify(before)).not.toContain('disturb');
    const early = smallExtraction({
      video: { sampling: 'start', fps: 2, frames: 2, shortSide: 32 },
      flow: { neighbours: 'sampled' },
    });
    const fieldsOfThen = [
      { sampleRateHz: 8000, nFft: 128, hop: 400, durationS: 1, fit: 'tile', storage: 'float32' },
      { fps: 2, frames: 2, shortSide: 32 },
      { boundPx: 20 },
    ];
    expect(extractionKeyOf(early, 'engine/1')).toBe(
      createHash('sha256')
        .update(
          JSON.stringify([
            [...early.modalities].sort(),
            ...fieldsOfThen.map((fields) => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))),
            'engine/1',
          ]),
        )
        .digest('hex')
        .slice(0, 16),
    );
    const one = [clipOf(file, 0, 'train'), clipOf(other, 1, 'test')];
    const clean = await rebuild(store, one, before, engine!);
    const changed = smallExtraction({ disturb: { audio: { snrDb: 0 } } });
    expect(extractionKeyOf(changed, 'engine/1')).not.toBe(extractionKeyOf(before, 'engine/1'));
    const disturbed = await rebuild(store, one, changed, engine!);
    expect(disturbed.plan.version).not.toBe(clean.plan.version);
    expect(disturbed.plan.clipsReused).toBe(0);
    // The same file under another id: without noise its row is taken over, with noise it is made.
    const both = [...one, clipOf(file, 2, 'train')];
    expect((await rebuild(store, both, before, engine!)).plan.clipsReused).toBe(3);
    expect((await rebuild(store, both, changed, engine!)).plan.clipsReused).toBe(2);
  });
});
