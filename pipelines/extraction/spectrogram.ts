/** Audio samples → log-magnitude spectrogram, as `librosa.stft` gives it. */
import FFT from 'fft.js';
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import { audioSamples, audioShape, LOG_OFFSET } from '../../schemas/shard.ts';
import type { AudioFeature } from './extractor.ts';
import { soundKernels } from './native.ts';

/**
 * Cuts to `length` samples, or fills up by repetition (`tile`) or silence (`pad`); clips to ±1.
 * A sample that is not a number becomes 0.
 */
export function fitSamples(samples: Float32Array, length: number, fit: 'tile' | 'pad'): Float32Array {
  const fitted = new Float32Array(length);
  if (samples.length === 0) return fitted;
  const own = Math.min(length, samples.length);
  for (let i = 0; i < own; i += 1) {
    const value = samples[i] ?? 0;
    fitted[i] = value > 1 ? 1 : value < -1 ? -1 : Number.isNaN(value) ? 0 : value;
  }
  if (fit === 'tile') {
    for (let i = own; i < length; i += own) fitted.copyWithin(i, 0, Math.min(own, length - i));
  }
  return fitted;
}

/** Hann window of `length` points, periodic: the one librosa takes for an STFT. */
function hannWindow(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
}

/** What is the same for all clips: the transform's tables, the window and room to work in. */
class Transform {
  readonly fft: FFT;
  readonly window: Float64Array;
  /** The cosine and the negative sine of each of nFft parts of a turn, as `fft` has them. */
  readonly table: Float64Array;
  /** Interleaved: of two columns one is the real part, the other the imaginary. */
  readonly columns: Float64Array;
  readonly spectrum: Float64Array;

  constructor(readonly nFft: number) {
    this.fft = new FFT(nFft);
    this.window = hannWindow(nFft);
    this.table = Float64Array.from({ length: 2 * nFft }, (_, i) =>
      i % 2 === 0 ? Math.cos((Math.PI * i) / nFft) : -Math.sin((Math.PI * (i - 1)) / nFft),
    );
    this.columns = new Float64Array(2 * nFft);
    this.spectrum = new Float64Array(2 * nFft);
  }
}

let latest: Transform | undefined;

function transformOf(nFft: number): Transform {
  if (latest?.nFft !== nFft) latest = new Transform(nFft);
  return latest;
}

/**
 * |librosa.stft(samples, n_fft=nFft, hop_length=hop, window='hann', center=True, pad_mode='constant')|:
 * column t is centred on sample t·hop, with silence beyond both ends. Two columns go through one complex transform
 * (Press et al., Numerical Recipes, 3rd edition, 12.3.1).
 *
 * @returns magnitudes, frequency-major, (nFft / 2 + 1) × (1 + floor(samples / hop))
 */
export function stftMagnitude(samples: Float32Array, nFft: number, hop: number): Float64Array {
  const frequencies = nFft / 2 + 1;
  const times = 1 + Math.floor(samples.length / hop);
  const { fft, window, columns, spectrum } = transformOf(nFft);
  const magnitudes = new Float64Array(frequencies * times);
  for (let t = 0; t < times; t += 2) {
    fillColumn(columns, 0, samples, t * hop - nFft / 2, window);
    fillColumn(columns, 1, samples, (t + 1) * hop - nFft / 2, window);
    fft.transform(spectrum, columns);
    for (let f = 0; f < frequencies; f += 1) {
      const mirrored = f === 0 ? 0 : 2 * (nFft - f);
      const re = spectrum[2 * f]!;
      const im = spectrum[2 * f + 1]!;
      const mirroredRe = spectrum[mirrored]!;
      const mirroredIm = spectrum[mirrored + 1]!;
      const [a, b, c, d] = [re + mirroredRe, im - mirroredIm, im + mirroredIm, re - mirroredRe];
      magnitudes[f * times + t] = 0.5 * Math.sqrt(a * a + b * b);
      if (t + 1 < times) magnitudes[f * times + t + 1] = 0.5 * Math.sqrt(c * c + d * d);
    }
  }
  return magnitudes;
}

/** Windowed samples from `first` on as real (0) or imaginary (1) part. */
function fillColumn(
  columns: Float64Array,
  part: 0 | 1,
  samples: Float32Array,
  first: number,
  window: Float64Array,
): void {
  const from = Math.max(0, -first);
  const to = Math.max(from, Math.min(window.length, samples.length - first));
  for (let i = 0; i < from; i += 1) columns[2 * i + part] = 0;
  for (let i = from; i < to; i += 1) columns[2 * i + part] = samples[first + i]! * window[i]!;
  for (let i = to; i < window.length; i += 1) columns[2 * i + part] = 0;
}

/** Samples of any length → the `audio` feature of the config's shape. */
export function logSpectrogram(samples: Float32Array, audio: ExtractionConfig['audio']): AudioFeature {
  return fittedSpectrogram(fitSamples(samples, audioSamples(audio), audio.fit), audio);
}

/** @param fitted as many samples as the config says */
export function fittedSpectrogram(fitted: Float32Array, audio: ExtractionConfig['audio']): AudioFeature {
  const native = soundKernels();
  if (native === undefined) return fittedSpectrogramPlainly(fitted, audio);
  const { nFft, hop } = audio;
  const shape = audioShape(audio);
  const data = new Float32Array(shape[0] * shape[1]);
  const { table, window } = transformOf(nFft);
  native.logSpectrogram(fitted, table, window, hop, LOG_OFFSET, data);
  return { data, shape };
}

/** The same values to the last bit, without anything compiled. */
export function logSpectrogramPlainly(samples: Float32Array, audio: ExtractionConfig['audio']): AudioFeature {
  return fittedSpectrogramPlainly(fitSamples(samples, audioSamples(audio), audio.fit), audio);
}

function fittedSpectrogramPlainly(fitted: Float32Array, audio: ExtractionConfig['audio']): AudioFeature {
  const magnitudes = stftMagnitude(fitted, audio.nFft, audio.hop);
  const data = new Float32Array(magnitudes.length);
  for (let i = 0; i < data.length; i += 1) data[i] = Math.log(magnitudes[i]! + LOG_OFFSET);
  return { data, shape: audioShape(audio) };
}
