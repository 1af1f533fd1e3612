import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';
import { soundKernels } from '../../../pipelines/extraction/native.ts';
import {
  fitSamples,
  logSpectrogram,
  logSpectrogramPlainly,
  stftMagnitude,
} from '../../../pipelines/extraction/spectrogram.ts';
import { randomGenerator } from '../../../pipelines/random/generator.ts';
import { testPython } from '../../reference/python.ts';

test.each([
  [512, 353, 66_150],
  [1024, 256, 20_001],
])(
  'magnitude and logarithm equal librosa to 1e-4 (n_fft %i, hop %i)',
  { timeout: 120_000 },
  (nFft, hop, length) => {
    const folder = mkdtempSync(join(tmpdir(), 'modalmix-stft-'));
    try {
      const random = randomGenerator(1, 'stft-test');
      const samples = Float32Array.from(
        { length },
        (_, i) => 0.5 * Math.sin(0.05 * i + 1e-6 * i * i) + 0.05 * random.normal(),
      );
      writeFileSync(join(folder, 'in'), samples);
      const script = new URL('librosa_stft.py', import.meta.url).pathname;
      execFileSync(testPython(), [
        script,
        join(folder, 'in'),
        join(folder, 'out'),
        String(nFft),
        String(hop),
      ]);
      const written = new Float64Array(new Uint8Array(readFileSync(join(folder, 'out'))).buffer);
      const reference = written.subarray(0, written.length / 2);
      const referenceLog = written.subarray(written.length / 2);
      const ours = stftMagnitude(samples, nFft, hop);
      expect(ours).toHaveLength(reference.length);
      let worst = 0;
      ours.forEach((value, i) => {
        const wanted = reference[i] ?? NaN;
        worst = Math.max(worst, Math.abs(value - wanted) / wanted);
      });
      expect(worst).toBeLessThan(1e-4);

      const audio = extractionConfigSchema.parse({
        audio: { sampleRateHz: length, durationS: 1, nFft, hop },
      }).audio;
      const { data, shape } = logSpectrogram(samples, audio);
      expect(shape).toEqual([nFft / 2 + 1, 1 + Math.floor(length / hop)]);
      let worstLog = 0;
      data.forEach((value, i) => {
        const wanted = referenceLog[i] ?? NaN;
        worstLog = Math.max(worstLog, Math.abs(value - wanted) / (Math.abs(wanted) + 0.01));
      });
      expect(worstLog).toBeLessThan(1e-4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test('a short clip is repeated or padded, a long one cut, and all clipped to ±1', () => {
  const samples = Float32Array.of(0.5, -3, NaN);
  expect([...fitSamples(samples, 5, 'tile')]).toEqual([0.5, -1, 0, 0.5, -1]);
  expect([...fitSamples(samples, 5, 'pad')]).toEqual([0.5, -1, 0, 0, 0]);
  expect([...fitSamples(samples, 2, 'pad')]).toEqual([0.5, -1]);
});

test.each([
  [512, 353, 66_150],
  [1024, 256, 20_001],
  [2048, 512, 5_000],
  [64, 7, 300],
  [128, 40, 1_001],
])('compiled code gives the bits of plain code (n_fft %i, hop %i, %i samples)', (nFft, hop, length) => {
  expect(soundKernels()).toBeDefined();
  const { audio } = extractionConfigSchema.parse({
    audio: { sampleRateHz: length, durationS: 1, nFft, hop },
  });
  const random = randomGenerator(2, 'stft-test');
  const kinds: readonly ((i: number) => number)[] = [
    () => random.normal(),
    () => 1e-6 * random.normal(),
    (i) => 0.5 * Math.sin(0.05 * i),
    // Magnitudes near 1, where the logarithm is made otherwise, and none at all.
    (i) => (i === hop * 2 ? 1 - 1e-7 : 0),
    (i) => (i === hop * 2 ? 1 : 0),
    () => 0,
  ];
  for (const kind of kinds) {
    const samples = Float32Array.from({ length }, (_, i) => kind(i));
    const compiled = logSpectrogram(samples, audio);
    const plain = logSpectrogramPlainly(samples, audio);
    expect(compiled.shape).toEqual(plain.shape);
    expect(Buffer.from(compiled.data.buffer).equals(Buffer.from(plain.data.buffer))).toBe(true);
  }
});
