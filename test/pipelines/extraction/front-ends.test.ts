/** Log-mel as librosa has it, Kaldi's filter bank as Kaldi's own code has it, and the shapes that follow. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { fbank, logMel, spectrumOf } from '../../../pipelines/extraction/front-ends.ts';
import { kaldiFilters, slaneyFilters } from '../../../pipelines/extraction/mel.ts';
import { logSpectrogram } from '../../../pipelines/extraction/spectrogram.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { extractionConfigSchema, hashedExtraction } from '../../../schemas/config/extraction-config.ts';
import { audioShape, audioUnits } from '../../../schemas/shard.ts';
import { testPython } from '../../reference/python.ts';

const ask = (audio: object) => extractionConfigSchema.parse({ audio }).audio;

describe('log-mel', () => {
  test.each([
    [22_050, 512, 353, 64, 0, 11_025],
    [16_000, 1024, 160, 128, 50, 7_600],
  ])('equals librosa to 1e-4 (%i Hz, n_fft %i, hop %i, %i bins)', { timeout: 300_000 }, (...numbers) => {
    const [sampleRateHz, nFft, hop, bins, minHz, maxHz] = numbers;
    const folder = mkdtempSync(join(tmpdir(), 'modalmix-mel-'));
    try {
      const random = randomGenerator(3, 'mel-test');
      const samples = Float32Array.from(
        { length: sampleRateHz },
        (_, i) => 0.5 * Math.sin(0.05 * i + 1e-6 * i * i) + 0.05 * random.normal(),
      );
      writeFileSync(join(folder, 'in'), samples);
      const script = new URL('librosa_mel.py', import.meta.url).pathname;
      const files = [script, join(folder, 'in'), join(folder, 'out')];
      execFileSync(testPython(), [...files, ...numbers.map(String)]);
      const reference = new Float64Array(new Uint8Array(readFileSync(join(folder, 'out'))).buffer);
      const { data, shape } = logMel(
        samples,
        ask({ sampleRateHz, nFft, hop, durationS: 1, frontEnd: 'log-mel', mel: { bins, minHz, maxHz } }),
      );
      expect(shape).toEqual([bins, 1 + Math.floor(sampleRateHz / hop)]);
      expect(reference).toHaveLength(data.length);
      const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - reference[i]!)), 0);
      expect(worst).toBeLessThan(1e-4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('has the filters that librosa has', () => {
    const filters = slaneyFilters(22_050, 512, { bins: 64, minHz: 0, maxHz: 11_025 });
    const all = filters.flatMap(({ weights }) => [...weights]);
    expect(all.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1.484785, 5);
    expect(filters[0]!.first).toBe(1);
    expect([...filters[0]!.weights].map((weight) => weight.toFixed(8))).toEqual(['0.01643472', '0.00620042']);
  });
});

describe('fbank', () => {
  const golden = z
    .array(
      z.strictObject({
        sampleRateHz: z.number(),
        samples: z.number(),
        bins: z.number(),
        window: z.string(),
        minHz: z.number(),
        maxHz: z.number(),
        frames: z.array(z.array(z.number())),
      }),
    )
    .parse(JSON.parse(readFileSync(new URL('golden/fbank.json', import.meta.url), 'utf8')));

  /** `sound` of `golden/make_fbank.py`. */
  function sound(count: number): Float32Array {
    let state = 1;
    return Float32Array.from({ length: count }, (_, i) => {
      state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
      return 0.5 * Math.sin(0.05 * i + 1e-5 * i * i) + 0.1 * (state / 2 ** 32 - 0.5);
    });
  }

  test.each(golden)('equals Kaldi’s to 1e-3: $sampleRateHz Hz, $bins bins, $window', (wanted) => {
    const { sampleRateHz, samples, bins, window, minHz, maxHz, frames } = wanted;
    const durationS = samples / sampleRateHz;
    const audio = ask({
      sampleRateHz,
      durationS,
      frontEnd: 'fbank',
      mel: { bins, minHz, maxHz },
      fbank: { window },
    });
    const { data, shape } = fbank(sound(samples), audio);
    expect(shape).toEqual([bins, frames.length]);
    for (const [t, frame] of frames.entries()) {
      for (const [b, value] of frame.entries()) {
        expect(Math.abs(data[b * frames.length + t]! - value)).toBeLessThan(1e-3);
      }
    }
  });

  test('has the filters that torchaudio has', () => {
    const filters = kaldiFilters(16_000, 512, { bins: 23, minHz: 20, maxHz: 8_000 });
    const [first] = filters;
    expect(first!.first).toBe(1);
    const wanted = [0.149328, 0.552378, 0.939237, 0.688845, 0.330756];
    expect(first!.weights).toHaveLength(wanted.length);
    wanted.forEach((weight, i) => {
      expect(first!.weights[i]).toBeCloseTo(weight, 5);
    });
    expect(filters[22]!.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(26.071927, 4);
    const wide = kaldiFilters(16_000, 512, { bins: 128, minHz: 20, maxHz: 8_000 });
    // Narrower than a frequency of the transform: torchaudio warns of it, and so its column is the floor.
    expect(wide[3]!.weights).toHaveLength(0);
  });

  test('of 10 s has the field’s number of frames, and of silence the floor', () => {
    const rows = (sampleRateHz: number) =>
      audioShape(ask({ sampleRateHz, durationS: 10, frontEnd: 'fbank' }));
    expect([16_000, 22_050, 44_100, 48_000].map((rate) => rows(rate)[1])).toEqual([998, 1000, 998, 998]);
    const { data } = fbank(
      new Float32Array(4_000),
      ask({ sampleRateHz: 16_000, durationS: 0.25, frontEnd: 'fbank' }),
    );
    for (const value of data) expect(value).toBeCloseTo(-15.942385, 5);
  });
});

describe('the choice', () => {
  test('is the STFT unless another is named, whose datasets are other versions', () => {
    const samples = Float32Array.from({ length: 8_000 }, (_, i) => 0.4 * Math.sin(0.3 * i));
    const plain = ask({ sampleRateHz: 8_000, durationS: 1, nFft: 128, hop: 80 });
    expect(spectrumOf(samples, plain)).toEqual(logSpectrogram(samples, plain));
    const hashed = (audio: object) =>
      hashedExtraction(extractionConfigSchema.parse({ audio })).audio as Record<string, unknown>;
    expect(Object.keys(hashed({}))).toEqual(['sampleRateHz', 'nFft', 'hop', 'durationS', 'fit', 'storage']);
    expect(hashed({ frontEnd: 'log-mel' })).toMatchObject({ frontEnd: 'log-mel', mel: { bins: 128 } });
    expect(hashed({ frontEnd: 'fbank' })).toMatchObject({ frontEnd: 'fbank', fbank: { window: 'hanning' } });
    const units = (['stft', 'log-mel', 'fbank'] as const).map((frontEnd) => audioUnits(ask({ frontEnd })));
    expect(new Set(units).size).toBe(3);
  });

  test('refuses bands and frames that cannot be', () => {
    expect(() => ask({ frontEnd: 'log-mel', mel: { maxHz: 20_000 } })).toThrow(/half the sample rate/u);
    expect(() => ask({ frontEnd: 'fbank', durationS: 0.02 })).toThrow(/fit into durationS/u);
  });
});
