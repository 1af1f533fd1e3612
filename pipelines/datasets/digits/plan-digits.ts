/**
 * The clip list of the embedded data: a pure function of its config. Every parameter of a clip is drawn
 * here, by its own purpose and the clip's number, so that more clips leave the earlier ones as they are.
 */
import { createHash } from 'node:crypto';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { randomGenerator, type Generator } from '../../random/generator.ts';
import { DIGIT_WORDS, FONTS, PACKAGED_FONTS } from './pools.ts';
import { voicesOf } from './voices.ts';

export type DigitsConfig = Extract<DatasetConfig, { format: 'digits' }>;

/** Part of every file's name: raise it when the same parameters would give another clip. */
const RENDERING_VERSION = 2;

export const DIGIT_CLIP = {
  durationS: 1.6,
  widthPx: 160,
  heightPx: 120,
  fps: 10,
  sampleRateHz: 22_050,
} as const;

/**
 * Signal-to-noise ratio in decibels at clarity c: `atHalf` + `slope` · 20 log₁₀(c / (1 − c)), and up to
 * ± `jitter` from clip to clip, so that the accuracy falls smoothly instead of off a cliff. No signal at
 * all at c = 0, no noise but the recording's own at c = 1. `atHalf` brings the two modalities close: a
 * small network hears a digit in noise worse than it sees one.
 */
const SIGNAL_TO_NOISE = {
  audio: { atHalf: 8, slope: 1, jitter: 6 },
  video: { atHalf: -7, slope: 1, jitter: 6 },
} as const;

/** A speaker is not quite the same from one time to the next. */
const VARIATION = {
  pitch: { low: 0.95, high: 1.05 },
  tempo: { low: 0.85, high: 1.2 },
  intonation: { low: 35, high: 65 },
} as const;

export interface DigitClip {
  readonly clipId: string;
  readonly split: 'train' | 'test';
  /** The digit, spoken and drawn: its label. */
  readonly digit: number;
  readonly voice: string;
  readonly font: string;
  /** Frequency factor of the voice, its size included. */
  readonly pitch: number;
  /** espeak-ng's pitch, 0 to 99; 50 is the voice's own. */
  readonly intonation: number;
  /** Factor of the speaking rate. */
  readonly tempo: number;
  /** Silence before the word. */
  readonly onsetS: number;
  /** Level of speech and noise together. */
  readonly levelDb: number;
  readonly audioNoise: 'white' | 'pink';
  /** −Infinity: noise alone; Infinity: no added noise. */
  readonly audioSnrDb: number;
  /** Height of the type. */
  readonly sizePx: number;
  /** Of the text's centre from the frame's. */
  readonly offsetXPx: number;
  readonly offsetYPx: number;
  readonly velocityXPxPerS: number;
  readonly velocityYPxPerS: number;
  readonly angleRad: number;
  readonly spinRadPerS: number;
  readonly blurPx: number;
  /** `rrggbb`; the digit's is always the lighter one. */
  readonly background: string;
  readonly foreground: string;
  readonly videoSnrDb: number;
  /** Of both noises. */
  readonly noiseSeed: number;
}

/** `speech` absent: espeak-ng. All clips, training first. Labels are balanced: every ten clips in a row have each digit once. */
export function planDigits(config: DigitsConfig): DigitClip[] {
  return [...planSplit(config, 'train', config.trainClips), ...planSplit(config, 'test', config.testClips)];
}

/** File name of a clip, different for different parameters. */
export function digitFileName(clip: DigitClip): string {
  const facts = JSON.stringify([RENDERING_VERSION, DIGIT_CLIP, ...Object.values(clip).map(String)]);
  return `${clip.clipId}-${createHash('sha256').update(facts).digest('hex').slice(0, 10)}.mp4`;
}

function planSplit(config: DigitsConfig, split: 'train' | 'test', count: number): DigitClip[] {
  return Array.from({ length: count }, (_, index) => {
    const purpose = (name: string) => randomGenerator(config.seed, `digits ${split} ${name}`, 0, index);
    const look = purpose('look');
    const sound = purpose('sound');
    const noise = purpose('noise');
    const speech = config.speech ?? 'espeak';
    const voice = pick(sound, voicesOf(speech)[split]);
    const fonts = speech === 'packaged' ? PACKAGED_FONTS : FONTS;
    const vary = (what: keyof typeof VARIATION) => between(sound, VARIATION[what].low, VARIATION[what].high);
    return {
      clipId: `${split}-${String(index).padStart(5, '0')}`,
      split,
      digit: digitOf(config.seed, split, index),
      voice: voice.name,
      font: pick(look, fonts[split]),
      pitch: round(voice.size * vary('pitch')),
      tempo: round(vary('tempo')),
      intonation: Math.round(vary('intonation')),
      onsetS: round(between(sound, 0, 0.25)),
      levelDb: round(between(sound, -28, -20)),
      sizePx: Math.round(between(look, 84, 112)),
      offsetXPx: Math.round(between(look, -12, 12)),
      offsetYPx: Math.round(between(look, -8, 8)),
      velocityXPxPerS: round(between(look, -5, 5)),
      velocityYPxPerS: round(between(look, -4, 4)),
      angleRad: round(between(look, -0.2, 0.2)),
      spinRadPerS: round(between(look, -0.06, 0.06)),
      blurPx: round(between(look, 0, 1.5)),
      background: color(look, 30, 95),
      foreground: color(look, 165, 235),
      audioNoise: noise.uniform() < 0.5 ? ('white' as const) : ('pink' as const),
      audioSnrDb: signalToNoiseDb('audio', config.audioClarity, noise),
      videoSnrDb: signalToNoiseDb('video', config.videoClarity, noise),
      noiseSeed: noise.integer(2 ** 31 - 1),
    };
  });
}

function digitOf(seed: number, split: string, index: number): number {
  const round = Math.floor(index / DIGIT_WORDS.length);
  const order = randomGenerator(seed, `digits ${split} label`, 0, round).permutation(DIGIT_WORDS.length);
  return order[index % DIGIT_WORDS.length] ?? 0;
}

function signalToNoiseDb(modality: 'audio' | 'video', clarity: number, generator: Generator): number {
  const { atHalf, slope, jitter } = SIGNAL_TO_NOISE[modality];
  const offset = between(generator, -jitter, jitter);
  return round(atHalf + slope * 20 * Math.log10(clarity / (1 - clarity)) + offset);
}

function between(generator: Generator, low: number, high: number): number {
  return low + (high - low) * generator.uniform();
}

function pick<T>(generator: Generator, pool: readonly T[]): T {
  const item = pool[generator.integer(pool.length)];
  if (item === undefined) throw new RangeError('an empty pool');
  return item;
}

/** Each channel in low…high. */
function color(generator: Generator, low: number, high: number): string {
  return Array.from({ length: 3 }, () => Math.round(between(generator, low, high)))
    .map((channel) => channel.toString(16).padStart(2, '0'))
    .join('');
}

/** Short in the list, and the same text on every machine. */
function round(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 1000) / 1000 : value;
}
