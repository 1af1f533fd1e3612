/**
 * What is done to a training clip's spectrogram: gain and noise before it is normalised, masks after. Every number
 * drawn follows from the seed, the epoch and the clip's row.
 */
import type { ExtractionConfig } from '../../../schemas/config/extraction-config.ts';
import type { TrainingConfig } from '../../../schemas/config/training-config.ts';
import { LOG_OFFSET } from '../../../schemas/shard.ts';
import { randomGenerator, type Generator } from '../../random/generator.ts';
import { philoxBlocks } from '../../random/philox.ts';
import type { AudioFeature } from '../../extraction/extractor.ts';
import { normalise, type PixelScale } from './pictures/render-view.ts';

export type SoundAugment = NonNullable<TrainingConfig['augment']['audio']>;

/** Kaldi's, float32's epsilon. */
const FBANK_FLOOR = 2 ** -23;

/** What a stored value says of a bin: ln(quantity + offset). */
export interface LogScale {
  readonly quantity: 'amplitude' | 'power';
  readonly offset: number;
}

/** The magnitude STFT's. */
export const LOG_AMPLITUDE: LogScale = { quantity: 'amplitude', offset: LOG_OFFSET };

/** By the front end that a dataset was extracted with: mel spectrograms hold powers. */
export function logScaleOf(frontEnd: ExtractionConfig['audio']['frontEnd']): LogScale {
  if (frontEnd === 'stft') return LOG_AMPLITUDE;
  // Of fbank the offset is no more than a floor, from which a power is hardly told apart.
  return { quantity: 'power', offset: frontEnd === 'fbank' ? FBANK_FLOOR : LOG_OFFSET };
}

/** From what the draws of a clip follow. */
export interface SoundDraws {
  readonly augment: SoundAugment;
  readonly seed: number;
  readonly epoch: number;
  readonly row: number;
}

/** The sound as an encoder sees it: varied, normalised, masked. */
export function renderSound(
  sound: AudioFeature,
  scale: PixelScale,
  draws: SoundDraws,
  out: Float32Array,
  stored: LogScale = LOG_AMPLITUDE,
): void {
  normalise(varyLevels(sound.data.subarray(0, out.length), draws, stored), scale, out);
  maskSound(out, sound.shape, draws);
}

/** Of a clip's values before they are normalised; made longer when need be. */
let scratch = new Float32Array();

/**
 * Gain and noise.
 *
 * The gain multiplies every bin's amplitude by 10^(g / 20), g uniform in ± `gainDb`: on a log-spectrogram a shift of all
 * that is well above the offset, while silence stays silence. The noise is white and Gaussian, as if it had been in
 * the waveform: a bin of amplitude a becomes |a + n| with n complex normal, E|n|² the mean of a² over the clip,
 * divided by 10^(SNR / 10), the SNR uniform in `snrDb`. That is what such noise does to each bin; only that
 * neighbouring bins and times of a real STFT share some of it is left out. Of a mel spectrogram every band gets
 * noise of the same power.
 *
 * @param data ln(quantity + offset), [frequencies × times]; a clip's own, which is not written to
 * @returns `data` itself where neither is asked for; else memory that the next call overwrites
 */
export function varyLevels(
  data: Float32Array,
  { augment: { gainDb, noise }, seed, epoch, row }: SoundDraws,
  { quantity, offset }: LogScale = LOG_AMPLITUDE,
): Float32Array {
  if (gainDb === undefined && noise === undefined) return data;
  const random = randomGenerator(seed, 'sound-level', epoch, row);
  const gain = gainDb === undefined ? 1 : 10 ** (((2 * random.uniform() - 1) * gainDb) / 20);
  const power = quantity === 'power';
  const factor = power ? gain * gain : gain;
  if (scratch.length < data.length) scratch = new Float32Array(data.length);
  const out = scratch.subarray(0, data.length);
  if (noise === undefined) {
    for (let i = 0; i < data.length; i += 1) {
      out[i] = Math.log(factor * Math.max(0, Math.exp(data[i]!) - offset) + offset);
    }
    return out;
  }
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) {
    const level = factor * Math.max(0, Math.exp(data[i]!) - offset);
    out[i] = power ? level : level * level;
    sum += out[i]!;
  }
  const [low, high] = noise.snrDb;
  const snrDb = low + (high - low) * random.uniform();
  addNoise(out, sum / data.length / 10 ** (snrDb / 10), random);
  for (let i = 0; i < data.length; i += 1) {
    out[i] = Math.log((power ? out[i]! : Math.sqrt(out[i]!)) + offset);
  }
  return out;
}

/** Words of random numbers at a time: two for each value. */
const WORDS = 1_024;
const UNIT = 2 ** -32;

/** |a + n|² of every a² in `powers`, n complex normal with E|n|² = `noisePower`. */
function addNoise(powers: Float32Array, noisePower: number, random: Generator): void {
  const { key, counter } = random.stream();
  const words = new Uint32Array(WORDS);
  for (let first = 0; first < powers.length; first += WORDS / 2) {
    philoxBlocks(words, [first / 2, counter[1], counter[2], counter[3]], key);
    const length = Math.min(WORDS / 2, powers.length - first);
    for (let i = 0; i < length; i += 1) {
      // |n|² is exponential, and its direction uniform.
      const square = -noisePower * Math.log((words[2 * i]! + 0.5) * UNIT);
      const cosine = Math.cos(2 * Math.PI * UNIT * words[2 * i + 1]!);
      const power = powers[first + i]!;
      powers[first + i] = Math.max(0, power + 2 * Math.sqrt(power * square) * cosine + square);
    }
  }
}

/**
 * SpecAugment's masks (Park et al., Interspeech 2019), each as torchaudio's `mask_along_axis`: v uniform in [0, F),
 * start ⌊u (size − v)⌋, ⌊v⌋ wide; F is `largest`, or `share` of the axis where that is less, and at most the axis. What
 * is masked becomes 0: after normalisation the data's mean, as the paper advises.
 *
 * @param values normalised, [frequencies × times], written to
 */
export function maskSound(
  values: Float32Array,
  [frequencies, times]: readonly [number, number],
  { augment: { frequencyMasks, timeMasks }, seed, epoch, row }: SoundDraws,
): void {
  if (frequencyMasks === undefined && timeMasks === undefined) return;
  const random = randomGenerator(seed, 'sound-masks', epoch, row);
  for (let n = 0; n < (frequencyMasks?.count ?? 0); n += 1) {
    const [start, length] = bandOf(random, frequencies, frequencyMasks!.largest);
    values.fill(0, start * times, (start + length) * times);
  }
  for (let n = 0; n < (timeMasks?.count ?? 0); n += 1) {
    const { largest, share } = timeMasks!;
    const [start, length] = bandOf(random, times, share < 1 ? Math.min(largest, times * share) : largest);
    for (let f = 0; f < frequencies; f += 1) values.fill(0, f * times + start, f * times + start + length);
  }
}

/** @returns where a mask begins and how many places it covers */
export function bandOf(
  random: Pick<Generator, 'uniform'>,
  size: number,
  largest: number,
): readonly [start: number, length: number] {
  const most = Math.min(size, Math.floor(largest));
  const width = random.uniform() * most;
  const start = Math.floor(random.uniform() * (size - width));
  return [start, Math.floor(width)];
}
