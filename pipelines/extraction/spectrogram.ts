/** Audio samples → log-magnitude spectrogram, as `librosa.stft` gives it. */
import FFT from 'fft.js';
import type { ExtractionConfig } from '../../schemas/config.ts';
import { audioSamples, audioShape, LOG_OFFSET } from '../../schemas/shard.ts';
import type { AudioFeature } from './extractor.ts';

/**
 * Cuts to `length` samples, or fills up by repetition (`tile`) or silence (`pad`); clips to ±1.
 * A sample that is not a number becomes 0.
 */
export function fitSamples(samples: Float32Array, length: number, fit: 'tile' | 'pad'): Float32Array {
  const fitted = new Float32Array(length);
  if (samples.length === 0) return fitted;
  const filled = fit === 'tile' ? length : Math.min(length, samples.length);
  for (let i = 0; i < filled; i += 1) {
    const value = samples[i % samples.length] ?? 0;
    fitted[i] = Number.isNaN(value) ? 0 : Math.min(1, Math.max(-1, value));
  }
  return fitted;
}

/** Hann window of `length` points, periodic: the one librosa takes for an STFT. */
function hannWindow(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
}

/**
 * |librosa.stft(samples, n_fft=nFft, hop_length=hop, window='hann', center=True, pad_mode='constant')|:
 * column t is centred on sample t·hop, with silence beyond both ends.
 *
 * @returns magnitudes, frequency-major, (nFft / 2 + 1) × (1 + floor(samples / hop))
 */
export function stftMagnitude(samples: Float32Array, nFft: number, hop: number): Float64Array {
  const frequencies = nFft / 2 + 1;
  const times = 1 + Math.floor(samples.length / hop);
  const fft = new FFT(nFft);
  const window = hannWindow(nFft);
  const frame: number[] = new Array<number>(nFft).fill(0);
  const spectrum: number[] = new Array<number>(2 * nFft).fill(0);
  const magnitudes = new Float64Array(frequencies * times);
  for (let t = 0; t < times; t += 1) {
    const first = t * hop - nFft / 2;
    for (let i = 0; i < nFft; i += 1) frame[i] = (samples[first + i] ?? 0) * (window[i] ?? 0);
    fft.realTransform(spectrum, frame);
    for (let f = 0; f < frequencies; f += 1) {
      const re = spectrum[2 * f] ?? 0;
      const im = spectrum[2 * f + 1] ?? 0;
      magnitudes[f * times + t] = Math.sqrt(re * re + im * im);
    }
  }
  return magnitudes;
}

/** Samples of any length → the `audio` feature of the config's shape. */
export function logSpectrogram(samples: Float32Array, audio: ExtractionConfig['audio']): AudioFeature {
  const fitted = fitSamples(samples, audioSamples(audio), audio.fit);
  const magnitudes = stftMagnitude(fitted, audio.nFft, audio.hop);
  const data = new Float32Array(magnitudes.length);
  for (let i = 0; i < data.length; i += 1) data[i] = Math.log((magnitudes[i] ?? 0) + LOG_OFFSET);
  return { data, shape: audioShape(audio) };
}
