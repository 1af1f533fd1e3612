/**
 * What a decoder is asked and answers: a media file in, sampled frames and samples out. Which frames and samples
 * these are, `filters.ts` says.
 */
import type { ExtractionConfig } from '../../schemas/config/extraction-config.ts';
import type { Picture } from './ffmpeg/ppm.ts';

/**
 * Demuxers that read one self-contained file. Left out on purpose: playlists and scripts that open other
 * files or addresses (hls, dash, concat, sdp, image2, imf, lavfi) and text (subtitles, tty).
 */
export const CONTAINERS = [
  '3dostr,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dv,eac3,flac,flv,gif,h264,hevc,ivf,live_flv,m4v,matroska',
  'webm,mjpeg,mov,mp4,mp3,mpeg,mpegts,mpegvideo,mxf,nsv,nut,ogg,rm,swf,tta,vc1,vob,w64,wav,wtv,wv,yuv4mpegpipe',
].join(',');

export const MAX_DECODED_PIXELS = 100_000_000;
/** Of a film: 8K, and round pictures of that width. A decoder keeps up to 17 of them. */
export const MAX_FILM_PIXELS = 8_192 * 4_352;
/** Sides longer than this many times the shorter are no picture of anything. */
export const MAX_ASPECT = 16;
/** Read beyond the wanted duration, so that the cut is ours and exact. */
export const AUDIO_MARGIN_S = 0.1;
/**
 * How far before a segment decoding begins. The first packet after a seek is decoded wrongly: AAC's overlaps with its
 * predecessor, MP3's takes bits from several before it, Opus converges within 80 ms.
 */
const RUN_UP_US = 500_000;

/** How pictures are asked for: as the config says it. */
export type AskedVideo = Pick<
  ExtractionConfig['video'],
  'sampling' | 'fps' | 'frames' | 'candidates' | 'picturesPerS' | 'shortSide'
> & {
  /** Each picture is twice as high: the frame, and below it the next one of the file. */
  readonly pairs: boolean;
};

/** Where they are taken: at `offsetS` + n / `fps` seconds, n = 0…frames−1. */
export interface VideoRequest {
  readonly fps: number;
  readonly offsetS: number;
  /** Time 0 is the first frame's, not the part's start: engines tell a file's beginning differently by milliseconds. */
  readonly fromFirst: boolean;
  readonly frames: number;
  readonly shortSide: number;
  readonly pairs: boolean;
}

/**
 * How channels become one. `usual`: FFmpeg's way for the layout, as loud as its loudest channel may be; of stereo, the mean.
 * `mean` of all, whatever they are called, and `first` alone: for what the usual way cannot mix, or mixes to nothing.
 */
export type Mix = 'usual' | 'mean' | 'first';

export interface AudioRequest {
  readonly sampleRateHz: number;
  readonly durationS: number;
  /** Absent: `usual`. */
  readonly mix?: Mix;
}

/** How many samples are read: more than are wanted, so that the cut is ours and exact. */
export function samplesRead({ sampleRateHz, durationS }: AudioRequest): number {
  return Math.round((durationS + AUDIO_MARGIN_S) * sampleRateHz);
}

/** Whether a part begins where its file has ended, as far as is known. */
export function beginsAfter({ startS }: Part, { durationS }: InputFacts): boolean {
  return startS !== undefined && durationS !== undefined && startS >= durationS;
}

/** Of a file, in seconds from its beginning; absent: to the file's own beginning or end. */
export interface Part {
  readonly startS?: number;
  readonly endS?: number;
}

export interface DecodeRequest extends Part {
  /** Local files. */
  readonly inputs: readonly string[];
  /** Input (index) from which the frames come, and how they are sampled. */
  readonly video?: AskedVideo & { readonly input: number };
  readonly audio?: AudioRequest & { readonly input: number };
  readonly timeoutMs: number;
  /** Resident memory of a process of its own that decodes. */
  readonly memoryMiB: number;
}

/** What ffmpeg found in one input. */
export interface InputFacts {
  /** The demuxer's names, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string;
  readonly hasVideo: boolean;
  /** Codecs of all video streams that are no covers, in order. */
  readonly videoCodecs: readonly string[];
  /** Codec's name, e.g. `aac`; undefined without an audio stream. */
  readonly audioCodec: string | undefined;
  /** FFmpeg's name of the channels, e.g. `stereo`, `9 channels`. */
  readonly audioLayout?: string | undefined;
  readonly audioRateHz?: number | undefined;
  /** Where the file begins on its own clock. */
  readonly beginsUs?: number | undefined;
  /** As the container says, to 10 ms. */
  readonly durationS: number | undefined;
}

export interface Decoded {
  readonly pictures: readonly Picture[];
  /** Mono, −1…1 or beyond, at the asked rate, from the part's start: silence where there is no sound yet, or none for a while. */
  readonly samples: Float32Array;
  /** By input; undefined where the input could not be opened. */
  readonly inputs: readonly (InputFacts | undefined)[];
  /** ffmpeg ended with exit code 0. */
  readonly complete: boolean;
  /** ffmpeg's own complaint, shortened; empty when it had none. */
  readonly complaint: string;
}

/** Containers (libavformat's names) that are sought in by time, wherever keyframes are: with a lead, see `LEADS_US`. */
export const SOUGHT_BLINDLY: readonly string[] = ['mpegts', 'mpeg'];
/**
 * How far before a segment's start decoding of these begins: the first of which a keyframe is known to come in time. With
 * none, it begins at the file's beginning.
 */
export const LEADS_US: readonly number[] = [5_000_000, 20_000_000, 80_000_000];

/** Whether FFmpeg's seeking cannot be trusted, so that the file is read from its beginning: blocks of ADPCM in WAV. */
export function isReadFromStart({ format, audioCodec = '' }: InputFacts): boolean {
  return format === 'wav' && audioCodec.startsWith('adpcm');
}

/** Containers whose clock may be set anew midway: FFmpeg's `AVFMT_TS_DISCONT`. */
export const CLOCK_MAY_JUMP: readonly string[] = ['mpegts', 'mpeg'];

/** Codecs of single pictures, though films are made of them too. */
const STILL_CODECS = ['mjpeg', 'png', 'apng', 'bmp', 'tiff', 'webp', 'jpeg2000', 'jpegls'];

/**
 * Which of a file's video streams is its film: a cover that is not flagged as one may come first.
 *
 * @param codecs `InputFacts.videoCodecs`
 */
export function filmAmong(codecs: readonly string[]): number {
  return Math.max(
    0,
    codecs.findIndex((codec) => !STILL_CODECS.includes(codec)),
  );
}

/** Where a clip begins in its file, and how long before that decoding begins. */
export interface SegmentStart {
  readonly startUs: number;
  readonly runUpUs: number;
}

export function segmentStart({ startS }: Part): SegmentStart {
  const startUs = Math.round((startS ?? 0) * 1e6);
  return { startUs, runUpUs: Math.min(startUs, RUN_UP_US) };
}

/** From the part's start. */
export function segmentEndUs(part: Part): number | undefined {
  return part.endS === undefined ? undefined : Math.round(part.endS * 1e6) - segmentStart(part).startUs;
}

/**
 * Decodes once, and stops as soon as all that was asked for is there.
 *
 * @throws ClipUnusable `timeout`, `too-large` (more pixels than allowed) or `crashed`
 * @throws ModalmixError `cancelled`, `dependency` (no engine) or `transient` (disk full, too many files, killed)
 */
export type Decode = (request: DecodeRequest, signal?: AbortSignal) => Promise<Decoded>;

/** Times of a video stream's packets, in seconds from the file's beginning. */
export interface StreamTimes {
  readonly firstS: number;
  readonly lastS: number;
  readonly packets: number;
}

/** Whether `spanOf` needs the stream's times. */
export function needsStreamTimes({ sampling }: AskedVideo, part: Part): boolean {
  return sampling === 'segments' && part.endS === undefined;
}

/**
 * How long the pictures of a part last, in seconds: to its end if it says one, else to the end of the last frame, which
 * lasts as long as frames do on average. Not the container's duration, which its sound may stretch. Of a whole file,
 * from its first frame on.
 *
 * @returns undefined: there are not two frames to tell it from
 */
export function spanOf({ startS, endS }: Part, times: StreamTimes | undefined): number | undefined {
  if (endS !== undefined) return endS - (startS ?? 0);
  if (times === undefined || times.packets < 2) return undefined;
  const { firstS, lastS, packets } = times;
  const span = lastS + (lastS - firstS) / (packets - 1) - (startS ?? firstS);
  return span > 0 ? span : undefined;
}

/**
 * Segments: the middle of each of frames · candidates equal parts of the span, which are, of each segment, its evenly
 * spaced candidates (an odd number of them: the middle one lies in the segment's middle).
 */
export function sampledTimes(video: AskedVideo, part: Part, times: StreamTimes | undefined): VideoRequest {
  const { fps, shortSide, pairs } = video;
  const frames = video.frames * video.candidates;
  if (video.sampling === 'start') return { fps, offsetS: 0, fromFirst: false, frames, shortSide, pairs };
  const span = spanOf(part, times);
  // A single pair has no other time to be taken at than its own.
  const isOnePair = pairs && times !== undefined && times.packets < 3;
  if (span === undefined || isOnePair)
    return { fps: 1, offsetS: 0, fromFirst: true, frames: 1, shortSide, pairs };
  const fromFirst = part.startS === undefined && part.endS === undefined;
  return { fps: frames / span, offsetS: span / (2 * frames), fromFirst, frames, shortSide, pairs };
}
