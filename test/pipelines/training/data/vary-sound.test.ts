import { describe, expect, it } from 'vitest';
import { LOG_OFFSET } from '../../../../schemas/shard.ts';
import {
  bandOf,
  logScaleOf,
  maskSound,
  renderSound,
  varyLevels,
  type SoundAugment,
} from '../../../../pipelines/training/data/vary-sound.ts';
import { augmentGolden } from './read-augment-golden.ts';

const { masks, sound } = augmentGolden();
const draws = (augment: SoundAugment, row = 0) => ({ augment, seed: 1, epoch: 2, row });
const logOf = (amplitudes: readonly number[]) =>
  Float32Array.from(amplitudes, (amplitude) => Math.log(amplitude + LOG_OFFSET));

describe('masks', () => {
  it.each(masks)(
    'are torchaudio’s: of $size at most $largest, share $share, by $uniforms',
    ({ size, largest, share, uniforms, band }) => {
      let drawn = 0;
      const random = { uniform: () => uniforms[drawn++]! };
      const [start, length] = bandOf(random, size, share < 1 ? Math.min(largest, size * share) : largest);
      // No place is a band of none, wherever it would begin.
      expect(length).toBe(band[1]);
      if (length > 0) expect(start).toBe(band[0]);
    },
  );

  it('cover bands of frequencies and of times with the mean, no wider than asked for, and nothing else', () => {
    const [frequencies, times] = [40, 30];
    const widths = { frequency: new Set<number>(), time: new Set<number>() };
    for (let row = 0; row < 200; row += 1) {
      const values = new Float32Array(frequencies * times).fill(7);
      const augment = {
        frequencyMasks: { count: 1, largest: 5 },
        timeMasks: { count: 1, largest: 20, share: 0.1 },
      };
      maskSound(values, [frequencies, times], draws(augment, row));
      const at = (f: number, t: number) => values[f * times + t]!;
      const maskedRows = [...Array(frequencies).keys()].filter((f) =>
        values.subarray(f * times, (f + 1) * times).every((v) => v === 0),
      );
      const maskedTimes = [...Array(times).keys()].filter((t) =>
        [...Array(frequencies).keys()].every((f) => at(f, t) === 0),
      );
      widths.frequency.add(maskedRows.length);
      widths.time.add(maskedTimes.length);
      const first = maskedRows[0] ?? 0;
      expect(maskedRows).toEqual(maskedRows.map((_, i) => first + i));
      const kept = (frequencies - maskedRows.length) * (times - maskedTimes.length);
      expect(values.filter((value) => value === 7).length).toBe(kept);
    }
    expect([...widths.frequency].toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect([...widths.time].toSorted()).toEqual([0, 1, 2]);
  });
});

describe('gain', () => {
  it('shifts the log of what is loud by the same, up to the decibels asked for, and leaves silence', () => {
    const shifts = Array.from({ length: 300 }, (_, row) => {
      const out = varyLevels(logOf([0, 2, 30]), draws({ gainDb: 6 }, row));
      expect(out[0]).toBeCloseTo(Math.log(LOG_OFFSET), 5);
      expect(out[2]! - Math.log(30)).toBeCloseTo(out[1]! - Math.log(2), 5);
      return (20 / Math.LN10) * (out[2]! - Math.log(30));
    });
    expect(Math.max(...shifts)).toBeLessThanOrEqual(6.0001);
    expect(Math.max(...shifts)).toBeGreaterThan(5.5);
    expect(Math.min(...shifts)).toBeGreaterThanOrEqual(-6.0001);
    expect(Math.min(...shifts)).toBeLessThan(-5.5);
  });

  it('is twice as much of a log-power', () => {
    const amplitude = varyLevels(logOf([5]), draws({ gainDb: 6 }))[0]! - Math.log(5);
    const power = varyLevels(logOf([5]), draws({ gainDb: 6 }), { quantity: 'power', offset: LOG_OFFSET })[0]!;
    expect(power - Math.log(5)).toBeCloseTo(2 * amplitude, 5);
  });
});

it('the front ends of mel spectrograms hold powers, so a gain shifts them twice as far, and not from their floor', () => {
  const gain = draws({ gainDb: 6 });
  const shift = varyLevels(logOf([5]), gain)[0]! - Math.log(5);
  const floor = 2 ** -23;
  const [quiet, loud] = varyLevels(Float32Array.of(Math.log(floor), Math.log(5)), gain, logScaleOf('fbank'));
  expect(quiet).toBeCloseTo(Math.log(floor), 5);
  expect(loud! - Math.log(5)).toBeCloseTo(2 * shift, 5);
  expect(varyLevels(logOf([5]), gain, logScaleOf('log-mel'))[0]! - Math.log(5)).toBeCloseTo(2 * shift, 5);
  expect(varyLevels(logOf([5]), gain, logScaleOf('stft'))[0]! - Math.log(5)).toBeCloseTo(shift, 6);
  // Handed on by what renders a clip.
  const out = new Float32Array(1);
  const sound = { data: logOf([5]), shape: [1, 1] as const };
  renderSound(sound, { mean: [0], std: [1] }, gain, out, logScaleOf('log-mel'));
  expect(out[0]! - Math.log(5)).toBeCloseTo(2 * shift, 5);
});

describe('noise', () => {
  it('makes of a tone’s spectrum what noise in its waveform makes of it', () => {
    const { amplitudes, bins, meanLogs, snrDb } = sound;
    const times = 4_000;
    // The tone's spectrum, so many times: [frequencies × times].
    const data = logOf(amplitudes.flatMap((amplitude) => Array<number>(times).fill(amplitude)));
    const out = varyLevels(data, draws({ noise: { snrDb: [snrDb, snrDb] } }));
    for (const [place, bin] of bins.entries()) {
      const own = out.subarray(bin * times, (bin + 1) * times);
      const mean = own.reduce((sum, value) => sum + value, 0) / times;
      // Both are means of thousands of draws, with a standard error of 0.01 each.
      expect(Math.abs(mean - meanLogs[place]!)).toBeLessThan(0.06);
    }
  });

  it.each(sound.rice)('has Rice’s distribution about an amplitude of $level', ({ level, quantiles }) => {
    const count = 20_000;
    // A second half so loud that noise at this ratio has power 1.
    const loud = Math.sqrt(2 * 1e4 - level * level);
    const data = logOf([...Array<number>(count).fill(level), ...Array<number>(count).fill(loud)]);
    const out = varyLevels(data, draws({ noise: { snrDb: [40, 40] } })).subarray(0, count);
    const sorted = Float32Array.from(out, (value) => Math.exp(value)).toSorted();
    for (const [place, share] of [0.05, 0.25, 0.5, 0.75, 0.95].entries()) {
      expect(Math.abs(sorted[Math.floor(share * count)]! - quantiles[place]!)).toBeLessThan(0.04);
    }
  });

  it('of a stored log-power has its own ratio too', () => {
    const data = Float32Array.from({ length: 20_000 }, () => Math.log(3 + LOG_OFFSET));
    const scale = { quantity: 'power', offset: LOG_OFFSET } as const;
    const out = varyLevels(data, draws({ noise: { snrDb: [0, 0] } }), scale);
    const mean = out.reduce((sum, value) => sum + Math.exp(value), 0) / out.length;
    expect(Math.abs(mean - 6)).toBeLessThan(0.15);
  });
});

describe('the sound of a clip', () => {
  const shape = [9, 7] as const;
  const data = logOf(Array.from({ length: 63 }, (_, i) => 1 + (i % 5)));
  const all: SoundAugment = {
    ...{ gainDb: 6, noise: { snrDb: [0, 20] as [number, number] } },
    frequencyMasks: { count: 2, largest: 3 },
    timeMasks: { count: 1, largest: 3, share: 1 },
  };
  const render = (row: number, augment = all, epoch = 2) => {
    const out = new Float32Array(63);
    renderSound({ data, shape }, { mean: [1], std: [2] }, { augment, seed: 1, epoch, row }, out);
    return out;
  };

  it('follows from seed, epoch and row, whatever was rendered before, and its own values stay', () => {
    const before = data.slice();
    const first = render(3);
    render(4);
    expect(render(3)).toEqual(first);
    expect(render(4)).not.toEqual(first);
    expect(render(3, all, 3)).not.toEqual(first);
    expect(data).toEqual(before);
  });

  it('is masked after it is normalised, so that a mask is the data’s mean', () => {
    const plain = data.map((value) => (value - 1) / 2);
    const out = render(0, { frequencyMasks: { count: 3, largest: 4 } });
    expect(out.some((value) => value === 0)).toBe(true);
    for (const [i, value] of out.entries()) if (value !== 0) expect(value).toBeCloseTo(plain[i]!, 6);
  });
});
