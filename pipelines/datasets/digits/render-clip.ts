/** Clips of the embedded data as ffmpeg's arguments: spoken by flite or espeak-ng, drawn by drawtext. */
import { ModalmixError } from '../../../schemas/errors.ts';
import { DIGIT_CLIP, type DigitClip } from './plan-digits.ts';
import { DIGIT_WORDS } from './pools.ts';
import type { SpokenWord } from './speak-word.ts';
import { SPEECH, voicesOf, type EspeakVoice, type PackagedVoice, type Voice } from './voices.ts';

/** RMS of ffmpeg's `anoisesrc` at amplitude 1. */
const NOISE_SOURCE_RMS = { white: 0.577, pink: 0.187 } as const;
/** The recording's own noise, present at every clarity. */
const NOISE_FLOOR = { audioDb: -62, videoStrength: 4 } as const;
/**
 * Video noise is clutter about as coarse as a digit's strokes (finer noise averages out in a first
 * convolution), made small and scaled up, and new some times a second.
 */
const CLUTTER = { cellPx: 10, fps: 5, strength: 100 } as const;

export interface ClipToRender {
  readonly clip: DigitClip;
  readonly output: string;
  /** Needed where `spokenByEspeak` says so. */
  readonly word?: SpokenWord;
}

/**
 * Arguments for one ffmpeg that writes all the clips (mp4: h264, yuv420p; aac, mono): starting it costs as much as a
 * clip does. A clip's bytes do not depend on the others.
 * @param fonts absolute path by font file name
 */
export function renderArguments(
  clips: readonly ClipToRender[],
  fonts: ReadonlyMap<string, string>,
): string[] {
  const words = clips.flatMap(({ word }) => (word === undefined ? [] : [word]));
  const graphs = clips.map((job, place) => {
    const fontFile = fonts.get(job.clip.font);
    if (fontFile === undefined) throw new ModalmixError('internal', `no file for font ${job.clip.font}`);
    const input = job.word === undefined ? '' : `[${String(words.indexOf(job.word))}:a]`;
    return [...videoChains(job.clip, fontFile, place), ...audioChains(job.clip, place, job.word, input)].join(
      ';',
    );
  });
  return [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'],
    // One thread: the clips are spread over the cores, and the bytes do not depend on their number.
    ...['-filter_threads', '1', '-filter_complex_threads', '1'],
    ...words.flatMap(({ file }) => ['-i', file]),
    ...['-filter_complex', graphs.join(';')],
    ...clips.flatMap(({ output }, place) => outputArguments(place, output)),
  ];
}

/** The graph of one clip alone: no inputs, and two outputs, `video0` and `audio0`. */
export function renderGraph(clip: DigitClip, fontFile: string, word: SpokenWord | undefined): string {
  const input = word === undefined ? '' : `${filter('amovie', { filename: word.file })},`;
  return [...videoChains(clip, fontFile, 0), ...audioChains(clip, 0, word, input)].join(';');
}

function outputArguments(place: number, output: string): string[] {
  return [
    ...['-map', `[video${String(place)}]`, '-map', `[audio${String(place)}]`],
    ...['-t', String(DIGIT_CLIP.durationS)],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-pix_fmt', 'yuv420p', '-threads', '1'],
    ...['-c:a', 'aac', '-b:a', '64k', '-ac', '1', '-ar', String(DIGIT_CLIP.sampleRateHz)],
    ...['-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact', '-map_metadata', '-1'],
    ...['-movflags', '+faststart', '-f', 'mp4', output],
  ];
}

/** The digit on a plain ground, and clutter added to both: at no signal the digit is not drawn at all. */
function videoChains(clip: DigitClip, fontFile: string, place: number): string[] {
  const pad = padName(place);
  const { widthPx, heightPx, fps, durationS } = DIGIT_CLIP;
  const weight = weights(clip.videoSnrDb);
  const at = (axis: 'w' | 'h', offset: number, velocity: number) =>
    `(${axis}-text_${axis})/2+${String(offset)}+${String(velocity)}*(t-${String(durationS / 2)})`;
  const digit = filter('drawtext', {
    fontfile: fontFile,
    text: String(clip.digit),
    expansion: 'none',
    fontsize: clip.sizePx,
    fontcolor: `0x${mixColors(clip.background, clip.foreground, weight.signal)}`,
    x: at('w', clip.offsetXPx, clip.velocityXPxPerS),
    y: at('h', clip.offsetYPx, clip.velocityYPxPerS),
  });
  const ground = `color=c=0x${clip.background}:s=${String(widthPx)}x${String(heightPx)}:r=${String(fps)}:d=${String(durationS)}`;
  const turned = filter('rotate', {
    a: `${String(clip.angleRad)}+${String(clip.spinRadPerS)}*t`,
    fillcolor: `0x${clip.background}`,
  });
  const drawn = [
    `${ground},format=gbrp`,
    ...(weight.signal > 0 ? [digit] : []),
    turned,
    `gblur=sigma=${String(clip.blurPx)}`,
  ].join(',');
  const strength = Math.round(CLUTTER.strength * weight.noise);
  const cells = `${String(widthPx / CLUTTER.cellPx)}x${String(heightPx / CLUTTER.cellPx)}`;
  const clutter = [
    `color=c=gray:s=${cells}:r=${String(CLUTTER.fps)}:d=${String(durationS)},format=gbrp`,
    `noise=alls=${String(strength)}:allf=t:all_seed=${String(clip.noiseSeed)}`,
    `scale=${String(widthPx)}:${String(heightPx)}:flags=bicubic,fps=${String(fps)}`,
  ].join(',');
  const floor = `noise=alls=${String(NOISE_FLOOR.videoStrength)}:allf=t:all_seed=${String(clip.noiseSeed)}`;
  return [
    `${drawn}${pad('drawn')}`,
    `${clutter}${pad('clutter')}`,
    `${pad('drawn')}${pad('clutter')}blend=all_mode=grainmerge:shortest=1,${floor},format=yuv420p${pad('video')}`,
  ];
}

/** The word at its level, and noise at its own: at no signal nothing is spoken. */
function audioChains(clip: DigitClip, place: number, word: SpokenWord | undefined, input: string): string[] {
  const { durationS, sampleRateHz } = DIGIT_CLIP;
  const pad = padName(place);
  const weight = weights(clip.audioSnrDb);
  const level = amplitude(clip.levelDb);
  const noise = (color: 'white' | 'pink', rms: number, seed: number) =>
    filter('anoisesrc', {
      r: sampleRateHz,
      d: durationS,
      c: color,
      a: (rms / NOISE_SOURCE_RMS[color]).toFixed(8),
      s: seed,
    });
  const sources = [
    `${noise('white', amplitude(NOISE_FLOOR.audioDb), clip.noiseSeed + 1)}${pad('floor')}`,
    `${noise(clip.audioNoise, level * weight.noise, clip.noiseSeed)}${pad('noise')}`,
  ];
  const background = `${pad('floor')}${pad('noise')}`;
  if (weight.signal === 0) return [...sources, `${background}amix=inputs=2:normalize=0${pad('audio')}`];
  const speech = sourceOf(clip, word, input);
  const spoken = [
    ...speech.filters,
    `asetrate=${String(Math.round(speech.sampleRateHz * clip.pitch))},aresample=${String(sampleRateHz)}`,
    // asetrate speeds up by `pitch` as well; atempo takes that back.
    `atempo=${(speech.tempo / clip.pitch).toFixed(6)}`,
    `volume=${((level * weight.signal) / speech.rms).toFixed(8)}:precision=float`,
    `adelay=${String(Math.round(clip.onsetS * 1000))}`,
    `apad=whole_dur=${String(durationS)},atrim=end=${String(durationS)}`,
  ].join(',');
  return [
    ...sources,
    `${speech.input}${spoken}${pad('spoken')}`,
    `${background}${pad('spoken')}amix=inputs=3:normalize=0${pad('audio')}`,
  ];
}

interface SpeechSource {
  /** What it is read from, up to the first of the filters; or nothing. */
  readonly input: string;
  readonly filters: readonly string[];
  readonly sampleRateHz: number;
  /** Of the speaking rate that is still to be reached. */
  readonly tempo: number;
  readonly rms: number;
}

/** flite is a filter of ffmpeg; the others have spoken already, espeak-ng at the clip's tempo. */
function sourceOf(clip: DigitClip, word: SpokenWord | undefined, input: string): SpeechSource {
  const voice = voiceOf(clip);
  if (voice.program === 'flite') {
    const spoken = filter('flite', { text: DIGIT_WORDS[clip.digit] ?? '', voice: voice.id });
    const { sampleRateHz, rms } = voice;
    return { input: '', filters: [spoken], sampleRateHz, tempo: clip.tempo, rms };
  }
  if (word === undefined) {
    throw new ModalmixError('internal', `no word spoken for ${clip.clipId}`);
  }
  const cut = `atrim=start=${word.startS.toFixed(6)}:end=${word.endS.toFixed(6)},asetpts=PTS-STARTPTS`;
  return {
    input,
    filters: [cut],
    sampleRateHz: word.sampleRateHz,
    tempo: voice.program === 'packaged-flite' ? clip.tempo : 1,
    rms: word.rms,
  };
}

/** The voice that espeak-ng has to speak with before the clip can be rendered; undefined when nobody has to. */
export function spokenByEspeak(clip: DigitClip): EspeakVoice | undefined {
  const voice = voiceOf(clip);
  return voice.program === 'espeak' && weights(clip.audioSnrDb).signal > 0 ? voice : undefined;
}

export function spokenByFlite(clip: DigitClip): boolean {
  return voiceOf(clip).program === 'flite' && weights(clip.audioSnrDb).signal > 0;
}

/** The packaged voice that has to speak before the clip can be rendered; undefined when none has to. */
export function spokenByPackage(clip: DigitClip): PackagedVoice | undefined {
  const voice = voiceOf(clip);
  const isPackaged = voice.program === 'packaged-espeak' || voice.program === 'packaged-flite';
  return isPackaged && weights(clip.audioSnrDb).signal > 0 ? voice : undefined;
}

/** Names of a clip's own pads in the graph of several. */
function padName(place: number): (name: string) => string {
  return (name) => `[${name}${String(place)}]`;
}

/** Amplitudes of signal and noise whose powers add up to 1. */
function weights(snrDb: number): { readonly signal: number; readonly noise: number } {
  if (snrDb === Infinity) return { signal: 1, noise: 0 };
  const ratio = amplitude(snrDb);
  return { signal: ratio / Math.hypot(1, ratio), noise: 1 / Math.hypot(1, ratio) };
}

function amplitude(decibels: number): number {
  return 10 ** (decibels / 20);
}

function voiceOf(clip: DigitClip): Voice {
  const voice = SPEECH.flatMap((speech) => voicesOf(speech)[clip.split]).find(
    ({ name }) => name === clip.voice,
  );
  if (voice === undefined) throw new ModalmixError('internal', `no voice ${clip.voice} in ${clip.split}`);
  return voice;
}

/** `rrggbb` at `share` of the way from one colour to the other. */
function mixColors(from: string, to: string, share: number): string {
  const channel = (text: string, index: number) => parseInt(text.slice(2 * index, 2 * index + 2), 16);
  return [0, 1, 2]
    .map((index) => Math.round(channel(from, index) + share * (channel(to, index) - channel(from, index))))
    .map((value) => value.toString(16).padStart(2, '0'))
    .join('');
}

/** A filter with its options, each value escaped for its option and again for the graph. */
function filter(name: string, options: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${escapeValue(String(value))}`);
  return `${name}=${pairs.join(':')}`;
}

/** ffmpeg's two levels of escaping (ffmpeg-filters, "Notes on filtergraph escaping"). */
function escapeValue(value: string): string {
  return value.replace(/[\\':]/gu, '\\$&').replace(/[\\'[\],;]/gu, '\\$&');
}
