/** Mel filters as librosa and as Kaldi define them. Pure. */

/** Non-zero weights of one filter: on the bins from `first` on. */
export interface MelFilter {
  readonly first: number;
  readonly weights: Float64Array;
}

export interface MelBand {
  readonly bins: number;
  readonly minHz: number;
  readonly maxHz: number;
}

/**
 * `librosa.filters.mel(htk=False, norm='slaney')`: triangles that are linear in Hz, of equal area, over all
 * nFft / 2 + 1 frequencies (Slaney, Auditory Toolbox, 1998).
 */
export function slaneyFilters(
  sampleRateHz: number,
  nFft: number,
  { bins, minHz, maxHz }: MelBand,
): MelFilter[] {
  const [low, high] = [slaneyMel(minHz), slaneyMel(maxHz)];
  const edges = Array.from({ length: bins + 2 }, (_, i) => slaneyHz(low + ((high - low) * i) / (bins + 1)));
  return Array.from({ length: bins }, (_, b) => {
    const [left, centre, right] = [edges[b]!, edges[b + 1]!, edges[b + 2]!];
    return filterOf(nFft / 2 + 1, (k) => {
      const hz = (k * sampleRateHz) / nFft;
      const rise = (hz - left) / (centre - left);
      const fall = (right - hz) / (right - centre);
      return (Math.max(0, Math.min(rise, fall)) * 2) / (right - left);
    });
  });
}

/** Linear below 1 kHz, logarithmic above. */
const LINEAR_HZ = 200 / 3;
const BREAK_HZ = 1000;
const BREAK_MEL = BREAK_HZ / LINEAR_HZ;
const LOG_STEP = Math.log(6.4) / 27;

function slaneyMel(hz: number): number {
  return hz < BREAK_HZ ? hz / LINEAR_HZ : BREAK_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP;
}

function slaneyHz(mel: number): number {
  return mel < BREAK_MEL ? mel * LINEAR_HZ : BREAK_HZ * Math.exp(LOG_STEP * (mel - BREAK_MEL));
}

/**
 * Kaldi's (`mel-computations.cc`, and torchaudio's `get_mel_banks`): triangles that are linear in mel, as high as 1; the
 * frequency of half the sample rate is in none.
 *
 * @param size of the transform
 */
export function kaldiFilters(
  sampleRateHz: number,
  size: number,
  { bins, minHz, maxHz }: MelBand,
): MelFilter[] {
  const mel = (hz: number) => 1127 * Math.log(1 + hz / 700);
  const low = mel(minHz);
  const step = (mel(maxHz) - low) / (bins + 1);
  return Array.from({ length: bins }, (_, b) =>
    filterOf(size / 2, (k) => {
      const from = (mel((k * sampleRateHz) / size) - low) / step - b;
      return Math.max(0, Math.min(from, 2 - from));
    }),
  );
}

function filterOf(frequencies: number, weightOf: (bin: number) => number): MelFilter {
  const weights = Float64Array.from({ length: frequencies }, (_, k) => weightOf(k));
  const first = Math.max(
    0,
    weights.findIndex((weight) => weight > 0),
  );
  const last = weights.findLastIndex((weight) => weight > 0);
  return { first, weights: weights.slice(first, last + 1) };
}

/** Σ weight · power[first + i], of a column of powers. */
export function filtered({ first, weights }: MelFilter, power: (bin: number) => number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i += 1) sum += weights[i]! * power(first + i);
  return sum;
}
