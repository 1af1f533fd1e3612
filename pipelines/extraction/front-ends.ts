/** Samples → the `audio` feature, by the front end that the config asks for. */
import FFT from 'fft.js';
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import { audioShape, fbankFrame, LOG_OFFSET } from '../../schemas/shard.ts';
import type { AudioFeature } from './extractor.ts';
import { filtered, kaldiFilters, slaneyFilters, type MelBand, type MelFilter } from './mel.ts';
import { fittedSpectrogram, stftMagnitude } from './spectrogram.ts';

type Audio = ExtractionConfig['audio'];

/** Kaldi's, and torchaudio's, floor: float32's epsilon. */
const FBANK_FLOOR = 2 ** -23;
const PRE_EMPHASIS = 0.97;
const KALDI_MIN_HZ = 20;

/** @param fitted as many samples as the config says, −1…1 */
export function spectrumOf(fitted: Float32Array, audio: Audio): AudioFeature {
  switch (audio.frontEnd) {
    case 'stft':
      return fittedSpectrogram(fitted, audio);
    case 'log-mel':
      return logMel(fitted, audio);
    case 'fbank':
      return fbank(fitted, audio);
  }
}

/**
 * ln(`librosa.feature.melspectrogram(power=2)` + 1e-7): of the transform that `stftMagnitude` gives. No `power_to_db`: its
 * floor depends on the clip's loudest value.
 */
export function logMel(fitted: Float32Array, audio: Audio): AudioFeature {
  const shape = audioShape(audio);
  const [bins, times] = shape;
  const magnitudes = stftMagnitude(fitted, audio.nFft, audio.hop);
  const filters = filtersOf('slaney', audio.sampleRateHz, audio.nFft, bandOf(audio, 0));
  const data = new Float32Array(bins * times);
  for (const [b, filter] of filters.entries()) {
    for (let t = 0; t < times; t += 1) {
      const power = filtered(filter, (k) => magnitudes[k * times + t]! ** 2);
      data[b * times + t] = Math.log(power + LOG_OFFSET);
    }
  }
  return { data, shape };
}

/**
 * `torchaudio.compliance.kaldi.fbank(dither=0, use_energy=False)`, else with its defaults: frames that lie wholly within the
 * clip, each less its mean, pre-emphasised, windowed, filled up with zeros to a power of two. Transposed to frequency-major.
 */
export function fbank(fitted: Float32Array, audio: Audio): AudioFeature {
  const shape = audioShape(audio);
  const [bins, times] = shape;
  const { length, shift } = fbankFrame(audio);
  const size = 2 ** Math.ceil(Math.log2(length));
  const filters = filtersOf('kaldi', audio.sampleRateHz, size, bandOf(audio, KALDI_MIN_HZ));
  const window = windowOf(audio.fbank.window, length);
  const fft = new FFT(size);
  const frame = new Float64Array(size);
  const spectrum = new Float64Array(2 * size);
  const power = (k: number) => spectrum[2 * k]! ** 2 + spectrum[2 * k + 1]! ** 2;
  const data = new Float32Array(bins * times);
  for (let t = 0; t < times; t += 1) {
    const first = t * shift;
    let mean = 0;
    for (let i = 0; i < length; i += 1) mean += fitted[first + i]! / length;
    for (let i = 0; i < length; i += 1) {
      const before = fitted[first + Math.max(0, i - 1)]! - mean;
      frame[i] = (fitted[first + i]! - mean - PRE_EMPHASIS * before) * window[i]!;
    }
    fft.realTransform(spectrum, frame);
    for (const [b, filter] of filters.entries()) {
      data[b * times + t] = Math.log(Math.max(FBANK_FLOOR, filtered(filter, power)));
    }
  }
  return { data, shape };
}

function bandOf({ mel, sampleRateHz }: Audio, minHz: number): MelBand {
  return { bins: mel.bins, minHz: mel.minHz ?? minHz, maxHz: mel.maxHz ?? sampleRateHz / 2 };
}

/** Symmetric: its last value is its first. */
function windowOf(kind: Audio['fbank']['window'], length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => {
    const cosine = Math.cos((2 * Math.PI * i) / (length - 1));
    if (kind === 'hamming') return 0.54 - 0.46 * cosine;
    const hanning = 0.5 - 0.5 * cosine;
    return kind === 'povey' ? hanning ** 0.85 : hanning;
  });
}

let latest: { readonly key: string; readonly filters: MelFilter[] } | undefined;

/** The same for all clips. */
function filtersOf(kind: 'slaney' | 'kaldi', sampleRateHz: number, size: number, band: MelBand): MelFilter[] {
  const key = JSON.stringify([kind, sampleRateHz, size, band]);
  if (latest?.key === key) return latest.filters;
  const filters = (kind === 'slaney' ? slaneyFilters : kaldiFilters)(sampleRateHz, size, band);
  latest = { key, filters };
  return filters;
}
