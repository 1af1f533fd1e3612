/** What of a clip's decoded sound is used, or why none is. */
import type { Clip } from '../../schemas/clip.ts';
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import { audioSamples } from '../../schemas/shard.ts';
import type { Decoded, Mix } from './decode.ts';
import type { MissingModality } from './extractor.ts';

/** A decoder's own surplus at the end is less than a packet (AAC: 1,024 or 2,048); more means that the container's duration is wrong. */
const LONGEST_CODEC_TAIL = 2_048;
/** Durations are told to 10 ms. */
const DURATION_STEP_S = 0.01;

/** What was decoded for one modality's source, or why nothing was. */
export interface Part<T> {
  readonly value?: T;
  readonly missing?: MissingModality;
}

type SoundDecoded = Omit<Decoded, 'pictures'>;

export function samplesOf(
  decoded: SoundDecoded,
  clip: Clip,
  config: ExtractionConfig,
  noStream: boolean,
): Part<Float32Array> {
  if (noStream) return { missing: { code: 'no-stream', reason: 'there is no audio stream' } };
  const samples = withoutCodecTail(decoded, clip, config.audio.sampleRateHz);
  const span = `the first ${String(config.audio.durationS)} s`;
  if (samples.length === 0 && decoded.complete && decoded.complaint === '') {
    return { missing: { code: 'silent', reason: `there is no sound in ${span} of it` } };
  }
  if (samples.length === 0) {
    return {
      missing: { code: 'undecodable', reason: `no sound could be decoded. ${decoded.complaint}`.trim() },
    };
  }
  const used = samples.subarray(0, audioSamples(config.audio));
  if (used.every((value) => value === 0)) {
    const reason = `every audio sample of ${span} is zero, or its sound begins later`;
    return { missing: { code: 'silent', reason } };
  }
  if (used.every((value) => value === 0 || Number.isNaN(value))) {
    return { missing: { code: 'silent', reason: `no audio sample of ${span} is a number` } };
  }
  return { value: samples };
}

/**
 * AAC comes in packets of 1,024 samples (and MP3, which MP4 may hold too, of 1,152), and older ffmpegs hand out the last
 * one whole: what lies beyond the container's duration is not the clip's.
 */
function withoutCodecTail(decoded: SoundDecoded, clip: Clip, sampleRateHz: number): Float32Array {
  const { audioCodec, audioRateHz = 44_100, format = '', durationS } = decoded.inputs.at(-1) ?? {};
  const hasTail = audioCodec === 'aac' || (audioCodec !== undefined && format.startsWith('mov,'));
  if (!hasTail || durationS === undefined) return decoded.samples;
  const expected = Math.round((durationS - (clip.startS ?? 0)) * sampleRateHz);
  const surplus = decoded.samples.length - expected;
  const longestS = LONGEST_CODEC_TAIL / audioRateHz + DURATION_STEP_S;
  return expected > 0 && surplus > 0 && surplus < longestS * sampleRateHz
    ? decoded.samples.subarray(0, expected)
    : decoded.samples;
}

/**
 * Sound that the usual mix cannot make, or makes silent, from its channels: more than eight of them or no usual ones, and
 * those that cancel each other out (opposite phase).
 */
export async function mixedOtherwise(
  usual: Part<Float32Array>,
  layout: string | undefined,
  mixed: (mix: Mix) => Promise<Part<Float32Array>>,
): Promise<Part<Float32Array>> {
  const code = usual.missing?.code;
  if ((code !== 'silent' && code !== 'undecodable') || layout === undefined || layout === 'mono')
    return usual;
  // Of ambisonics the first channel is what comes from everywhere.
  const mix = code === 'silent' || layout.startsWith('ambisonic') ? 'first' : 'mean';
  const other = await mixed(mix);
  return other.missing === undefined ? other : usual;
}
