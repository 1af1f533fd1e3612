/** One clip of the embedded data as ffmpeg's arguments: spoken by flite, drawn by drawtext. */
import { ModalmixError } from '../../../schemas/errors.ts';
import { DIGIT_CLIP, type DigitClip } from './plan-digits.ts';
import { DIGIT_WORDS, VOICES, type Voice } from './pools.ts';

/** RMS of ffmpeg's `anoisesrc` at amplitude 1. */
const NOISE_SOURCE_RMS = { white: 0.577, pink: 0.187 } as const;
/** The recording's own noise, present at every clarity. */
const NOISE_FLOOR = { audioDb: -62, videoStrength: 4 } as const;
/**
 * Video noise is clutter about as coarse as a digit's strokes (finer noise averages out in a first
 * convolution), made small and scaled up, and new some times a second.
 */
const CLUTTER = { cellPx: 10, fps: 5, strength: 100 } as const;

/**
 * Arguments for ffmpeg that write the clip to `output` (mp4: h264, yuv420p; aac, mono).
 * @param fonts absolute path by font file name
 */
export function renderArguments(
  clip: DigitClip,
  fonts: ReadonlyMap<string, string>,
  output: string,
): string[] {
  const fontFile = fonts.get(clip.font);
  if (fontFile === undefined) throw new ModalmixError('internal', `no file for font ${clip.font}`);
  return [
    ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'],
    // One thread: the clips are spread over the cores, and the bytes do not depend on their number.
    ...['-filter_threads', '1', '-filter_complex_threads', '1'],
    ...['-filter_complex', [...videoChains(clip, fontFile), ...audioChains(clip)].join(';')],
    ...['-map', '[video]', '-map', '[audio]', '-t', String(DIGIT_CLIP.durationS)],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23', '-pix_fmt', 'yuv420p', '-threads', '1'],
    ...['-c:a', 'aac', '-b:a', '64k', '-ac', '1', '-ar', String(DIGIT_CLIP.sampleRateHz)],
    ...['-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact', '-map_metadata', '-1'],
    ...['-movflags', '+faststart', '-f', 'mp4', output],
  ];
}

/** The digit on a plain ground, and clutter added to both: at no signal the digit is not drawn at all. */
function videoChains(clip: DigitClip, fontFile: string): string[] {
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
    `${drawn}[drawn]`,
    `${clutter}[clutter]`,
    `[drawn][clutter]blend=all_mode=grainmerge:shortest=1,${floor},format=yuv420p[video]`,
  ];
}

/** The word at its level, and noise at its own: at no signal nothing is spoken. */
function audioChains(clip: DigitClip): string[] {
  const { durationS, sampleRateHz } = DIGIT_CLIP;
  const voice = voiceOf(clip);
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
    `${noise('white', amplitude(NOISE_FLOOR.audioDb), clip.noiseSeed + 1)}[floor]`,
    `${noise(clip.audioNoise, level * weight.noise, clip.noiseSeed)}[noise]`,
  ];
  if (weight.signal === 0) return [...sources, '[floor][noise]amix=inputs=2:normalize=0[audio]'];
  const spoken = [
    filter('flite', { text: DIGIT_WORDS[clip.digit] ?? '', voice: voice.name }),
    `asetrate=${String(Math.round(voice.sampleRateHz * clip.pitch))},aresample=${String(sampleRateHz)}`,
    // asetrate speeds up by `pitch` as well; atempo takes that back.
    `atempo=${(clip.tempo / clip.pitch).toFixed(6)}`,
    `volume=${((level * weight.signal) / voice.rms).toFixed(8)}:precision=float`,
    `adelay=${String(Math.round(clip.onsetS * 1000))}`,
    `apad=whole_dur=${String(durationS)},atrim=end=${String(durationS)}`,
  ].join(',');
  return [...sources, `${spoken}[spoken]`, '[floor][noise][spoken]amix=inputs=3:normalize=0[audio]'];
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
  const voice = VOICES[clip.split].find(({ name }) => name === clip.voice);
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
