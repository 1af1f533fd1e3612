/** Which frames and samples a clip gives, as FFmpeg filters that every engine runs, so that all engines choose alike. */
import {
  MAX_ASPECT,
  segmentEndUs,
  type AudioRequest,
  type Mix,
  type Part,
  type VideoRequest,
} from './decode.ts';

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

/**
 * The pictures that `videoFilter` chooses from, one by one, up to the part's end. Where it gives fewer than are wanted, the
 * last of these stands for the rest: it is the nearest to all later times, and when nothing begins in the part, it is what
 * is seen at its start. (`fps` leaves the last frame out, or not, by how long it is said to last, which few containers say.)
 *
 * @param size of the pictures that there are
 */
export function lastFilter(
  video: VideoRequest,
  part: Part,
  size: Size | undefined,
  viaPlanes = false,
): string {
  const scale = sizeFilter(
    video,
    viaPlanes,
    size && { ...size, height: size.height / (video.pairs ? 2 : 1) },
  );
  // A pair that begins before the part is not of it.
  return [...trims('trim', part, video.pairs), scale, ...(video.pairs ? [PAIR] : [])].join(',');
}

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Pixels that no picture exceeds. */
export function mostPixels({ shortSide, pairs }: VideoRequest): number {
  return shortSide * shortSide * MAX_ASPECT * (pairs ? 2 : 1);
}

/**
 * Size by torchvision's `Resize`: shorter side exact, longer rounded down. It is reckoned from the first frame: those of
 * another size, in streams that change it midway, come to the same.
 *
 * @param viaPlanes the colours are made plane by plane, for which alone FFmpeg has fast code; see `sameViaPlanes`
 * @param size reckoned before
 */
export function sizeFilter(
  { shortSide }: Pick<VideoRequest, 'shortSide'>,
  viaPlanes = false,
  size?: Size,
): string {
  const s = String(shortSide);
  return [
    [
      `scale=w='${size === undefined ? `if(lte(iw,ih),${s},trunc(${s}*iw/ih))` : String(size.width)}'`,
      `h='${size === undefined ? `if(lte(iw,ih),trunc(${s}*ih/iw),${s})` : String(size.height)}'`,
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

/** Frames and samples before the start and from the end on are left out. Not by `duration`: that counts from the first. */
function trims(filter: 'trim' | 'atrim', part: Part, atStart = true): string[] {
  const endUs = segmentEndUs(part);
  const start = part.startS === undefined || !atStart ? [] : ['start=0'];
  const end = endUs === undefined ? [] : [`end=${String(endUs)}us`];
  return start.length + end.length === 0 ? [] : [`${filter}=${[...start, ...end].join(':')}`];
}

/**
 * Times counted in samples, so that a cut falls on the same sample however coarse the container's clock is (Matroska and FLV:
 * milliseconds): each frame begins where its predecessor ended, unless its time says otherwise by more than 0.1 s.
 */
const COUNT_SAMPLES =
  "asetpts='st(1,if(isnan(PREV_INPTS)+isnan(ld(0))+gt(abs(PTS-ld(0)),SR/10),PTS,ld(0)));st(0,ld(1)+NB_SAMPLES);ld(1)'";

/** One channel, then the rate. */
export function audioFilter({ sampleRateHz, mix = 'usual' }: AudioRequest, part: Part): string {
  return [COUNT_SAMPLES, ...trims('atrim', part), ...MIXES[mix], resample(sampleRateHz)].join(',');
}

const MIXES: Readonly<Record<Mix, readonly string[]>> = {
  // By `resample`, in which ffmpeg's default for float samples would be 3 dB louder.
  usual: [],
  mean: [`aeval='(${eachChannel().join('+')})/nb_in_channels':c=mono`],
  first: ["aeval='val(0)':c=mono"],
};

/** As many as FFmpeg's decoders give (64), or silence. */
function eachChannel(): string[] {
  return Array.from({ length: 64 }, (_, n) => `gt(nb_in_channels,${String(n)})*val(${String(n)})`);
}

function resample(sampleRateHz: number): string {
  return `aresample=${String(sampleRateHz)}:rematrix_maxval=1,aformat=sample_fmts=flt:channel_layouts=mono`;
}
