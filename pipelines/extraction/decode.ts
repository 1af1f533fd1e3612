/**
 * What a decoder is asked and answers: a media file in, sampled frames and samples out. Which frames and samples
 * these are is said here, as filters that every engine runs, so that all engines choose alike.
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

export interface AudioRequest {
  readonly sampleRateHz: number;
  readonly durationS: number;
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
}

/** What ffmpeg found in one input. */
export interface InputFacts {
  /** The demuxer's names, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string;
  readonly hasVideo: boolean;
  /** Codec's name, e.g. `aac`; undefined without an audio stream. */
  readonly audioCodec: string | undefined;
  /** As the container says, to 10 ms. */
  readonly durationS: number | undefined;
}

export interface Decoded {
  readonly pictures: readonly Picture[];
  /** Mono, −1…1 or beyond, at the asked rate. */
  readonly samples: Float32Array;
  /** By input; undefined where the input could not be opened. */
  readonly inputs: readonly (InputFacts | undefined)[];
  /** ffmpeg ended with exit code 0. */
  readonly complete: boolean;
  /** ffmpeg's own complaint, shortened; empty when it had none. */
  readonly complaint: string;
}

/** Containers (libavformat's names) that are sought in by time, wherever keyframes are: read from their beginning. */
export const SOUGHT_BLINDLY: readonly string[] = ['mpegts', 'mpeg'];

/** Where a clip begins in its file, and how long before that decoding begins. */
export interface SegmentStart {
  readonly startUs: number;
  readonly runUpUs: number;
}

export function segmentStart({ startS }: Part): SegmentStart {
  const startUs = Math.round((startS ?? 0) * 1e6);
  return { startUs, runUpUs: Math.min(startUs, RUN_UP_US) };
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

/**
 * The frame nearest each sampled time by timestamp (a tie goes to the later one): each frame's time
 * is moved to the middle between its predecessor and itself, where it begins to be the nearest, and then the
 * last frame begun is taken. Time 0 is the part's start.
 */
export function videoFilter(video: VideoRequest, part: Part, viaPlanes = false): string {
  const begins = 'if(eq(N,0),PTS,(PREV_INPTS+PTS)/2)';
  const zero = `${video.fromFirst ? '-STARTPTS' : ''}-${String(video.offsetS)}/TB`;
  const size = sizeFilter(video, viaPlanes);
  const pick = [
    'settb=intb/2',
    `setpts='${video.offsetS === 0 ? begins : `round(${begins}${zero})`}'`,
    `fps=fps=${String(video.fps)}:start_time=0:round=up`,
  ];
  return [
    ...trims('trim', part),
    // At their final size and in their final colours, so that no frame takes anything from its neighbour.
    ...(video.pairs ? [size, PAIR] : []),
    ...(isFirstOnly(video) ? [] : pick),
    ...(video.pairs ? [] : [size]),
  ].join(',');
}

/** Each frame but the last with the next one below it, at its own time. */
const PAIR =
  "split[now][later];[later]setpts=PREV_INPTS,select='gte(n,1)'[next];[now][next]vstack=shortest=1";

/** There are too few frames for any to be chosen: the first is taken, or the first pair. */
function isFirstOnly({ fromFirst, offsetS }: VideoRequest): boolean {
  return fromFirst && offsetS === 0;
}

/** Pixels that no picture exceeds. */
export function mostPixels({ shortSide, pairs }: VideoRequest): number {
  return shortSide * shortSide * MAX_ASPECT * (pairs ? 2 : 1);
}

/**
 * Size by torchvision's `Resize`: shorter side exact, longer rounded down.
 *
 * @param viaPlanes the colours are made plane by plane, for which alone FFmpeg has fast code; see `sameViaPlanes`
 */
export function sizeFilter({ shortSide }: Pick<VideoRequest, 'shortSide'>, viaPlanes = false): string {
  const s = String(shortSide);
  return [
    [
      `scale=w='if(lte(iw,ih),${s},trunc(${s}*iw/ih))'`,
      `h='if(lte(iw,ih),trunc(${s}*ih/iw),${s})'`,
      'flags=bicubic+accurate_rnd+full_chroma_int+bitexact',
    ].join(':'),
    ...(viaPlanes ? ['format=gbrp'] : []),
    'format=rgb24',
  ].join(',');
}

/** Whether pictures of this pixel format (FFmpeg's name) become the same bytes by way of planes: not all RGB does. */
export function sameViaPlanes(pixelFormat: string): boolean {
  return /^yuva?j?4/u.test(pixelFormat);
}

/** Frames and samples before the start and from the end on are left out. */
function trims(filter: 'trim' | 'atrim', { startS, endS }: Part): string[] {
  if (startS === undefined && endS === undefined) return [];
  const { startUs } = segmentStart({ ...(startS === undefined ? {} : { startS }) });
  const start = startS === undefined ? [] : ['start=0'];
  const end = endS === undefined ? [] : [`duration=${String(Math.round(endS * 1e6) - startUs)}us`];
  return [`${filter}=${[...start, ...end].join(':')}`];
}

/**
 * Times counted in samples, so that a cut falls on the same sample however coarse the container's clock is (Matroska and FLV:
 * milliseconds): each frame begins where its predecessor ended, unless its time says otherwise by more than 0.1 s.
 */
const COUNT_SAMPLES =
  "asetpts='st(1,if(isnan(PREV_INPTS)+gt(abs(PTS-ld(0)),SR/10),PTS,ld(0)));st(0,ld(1)+NB_SAMPLES);ld(1)'";

/** Mean of the channels (ffmpeg's default for float samples would be 3 dB louder), then the rate. */
export function audioFilter({ sampleRateHz }: AudioRequest, part: Part): string {
  const cut = trims('atrim', part);
  return [...(cut.length === 0 ? [] : [COUNT_SAMPLES, ...cut]), resample(sampleRateHz)].join(',');
}

function resample(sampleRateHz: number): string {
  return `aresample=${String(sampleRateHz)}:rematrix_maxval=1,aformat=sample_fmts=flt:channel_layouts=mono`;
}
