/** One stream's packets in, filtered frames out, with FFmpeg inside this process. */
import {
  AV_FRAME_DATA_DISPLAYMATRIX,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import {
  avChannelLayoutDescribe,
  avGetPixFmtName,
  avGetSampleFmtName,
  Codec,
  CodecContext,
  FFmpegError,
  FilterGraph,
  Frame,
  type FilterContext,
  type Packet,
  type Stream,
} from 'node-av/lib';
import type { TimeBase } from '../choose-frames.ts';
import { MAX_DECODED_PIXELS } from '../decode.ts';

const MICROSECONDS = 1_000_000n;
export const NO_TIMESTAMP = -(2n ** 63n);

/** What becomes of a stream's frames. */
export interface Taker {
  /** @param pixelFormat FFmpeg's name; of sound, empty */
  readonly filters: (pixelFormat: string) => string;
  /** @returns whether that is enough */
  readonly take: (frame: Frame) => boolean;
}

export interface Segment {
  /** What counts as time 0, on the file's clock. */
  readonly zeroUs: bigint;
  readonly isWhole: boolean;
}

/**
 * Frames of sound that are handed to the filters before these are asked for what they made: a packet of sound is short, and
 * each call into FFmpeg costs about as much as what it does with one.
 */
const SOUND_FRAMES_TOGETHER = 16;

/** Times of the frames that may pass. */
export type Gate = ReadonlySet<bigint>;

/** Decoder and filters of one stream. */
export class FrameDecoder {
  readonly #stream: Stream;
  readonly #taker: Taker;
  readonly #context = new CodecContext();
  readonly #decoded = new Frame();
  readonly #filtered = new Frame();
  readonly #isVideo: boolean;
  /** Nothing is cut from sound that is taken whole, so nothing looks at its times. */
  readonly #needsTimes: boolean;
  /** Asked for once: each question to FFmpeg's objects costs a microsecond. */
  readonly #timeBase: TimeBase;
  readonly #shift: bigint;
  readonly #gate: Gate | undefined;
  #skipsUnreferenced = false;
  #graph: FilterGraph | undefined;
  #source: FilterContext | undefined;
  #sink: FilterContext | undefined;
  #sizeOfFirst: string | undefined;
  #lastTime: bigint | undefined;
  /** Frames that the filters were given since they were last asked. */
  #waiting = 0;
  /** Frames that passed the gate. */
  passed = 0;
  /** Sizes differ, or times do not rise from frame to frame as the container gives them. */
  isUneven = false;
  done = false;
  complaint: string | undefined;

  /** @param gate absent: all frames go to the filters */
  constructor(stream: Stream, taker: Taker, segment: Segment, gate?: Gate) {
    this.#stream = stream;
    this.#taker = taker;
    this.#gate = gate;
    this.#isVideo = stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO;
    this.#needsTimes = this.#isVideo || !segment.isWhole || gate !== undefined;
    const { num, den } = stream.timeBase;
    this.#timeBase = { num, den };
    this.#shift = shiftOf(stream, segment);
    this.#decoded.alloc();
    this.#filtered.alloc();
  }

  open(): string | undefined {
    const codec = Codec.findDecoder(this.#stream.codecpar.codecId);
    if (codec === null) {
      this.done = true;
      return 'there is no decoder for it';
    }
    this.#context.allocContext3(codec);
    this.#context.parametersToContext(this.#stream.codecpar);
    // Without it the samples that AAC, MP3 and Opus say to discard are counted wrongly.
    this.#context.pktTimebase = this.#stream.timeBase;
    this.#context.threadCount = 1;
    this.#context.setOption('max_pixels', String(MAX_DECODED_PIXELS));
    const opened = this.#context.open2Sync(codec);
    if (opened >= 0) return undefined;
    this.done = true;
    return FFmpegError.strerror(opened);
  }

  /** Of the packets sent from now on, whether frames that no other refers to are left out. */
  skipUnreferenced(skip: boolean): void {
    if (skip === this.#skipsUnreferenced) return;
    this.#skipsUnreferenced = skip;
    this.#context.setOption('skip_frame', skip ? 'noref' : 'default');
  }

  /** A packet that is broken costs its own frames only. */
  send(packet: Packet | null): void {
    if (this.done) return;
    const sent = this.#context.sendPacketSync(packet);
    if (sent < 0 && sent !== AVERROR_EAGAIN) this.complaint = FFmpegError.strerror(sent);
    while (!this.#isDone() && this.#context.receiveFrameSync(this.#decoded) >= 0) {
      this.#filter(this.#decoded);
      this.#decoded.unref();
    }
  }

  /** A function, since each frame may be the last that is wanted. */
  #isDone(): boolean {
    return this.done;
  }

  finish(): void {
    if (this.done) return;
    this.send(null);
    this.#source?.buffersrcAddFrameSync(null);
    this.#drain();
    this.done = true;
  }

  #filter(frame: Frame): void {
    const isVideo = this.#isVideo;
    if (isVideo) {
      const size = `${String(frame.width)}x${String(frame.height)}`;
      this.#sizeOfFirst ??= size;
      // A stream may change its size midway; a row has one.
      if (size !== this.#sizeOfFirst) {
        this.isUneven = true;
        return;
      }
    }
    if (this.#needsTimes && !this.#passes(frame)) return;
    this.passed += 1;
    if (this.#graph === undefined) this.#build(frame);
    if (this.done) return;
    const added = this.#source!.buffersrcAddFrameSync(frame);
    if (added < 0) this.complaint = FFmpegError.strerror(added);
    this.#waiting += 1;
    if (isVideo || this.#waiting === SOUND_FRAMES_TOGETHER) this.#drain();
  }

  /** Gives the frame its time in the segment. @returns whether it may pass the gate */
  #passes(frame: Frame): boolean {
    const isVideo = this.#isVideo;
    const { pts, bestEffortTimestamp } = frame;
    const time =
      bestEffortTimestamp === NO_TIMESTAMP || (!isVideo && pts !== NO_TIMESTAMP) ? pts : bestEffortTimestamp;
    let shifted = pts;
    if (time !== NO_TIMESTAMP) {
      this.isUneven ||= time !== pts || (this.#lastTime !== undefined && time <= this.#lastTime);
      this.#lastTime = time;
      shifted = isVideo ? time - this.#shift : this.#inSamples(time - this.#shift, frame.sampleRate);
      frame.pts = shifted;
    }
    return this.#gate?.has(shifted) !== false;
  }

  #inSamples(time: bigint, sampleRate: number): bigint {
    const { num, den } = this.#timeBase;
    return divideRounded(time * BigInt(num) * BigInt(sampleRate), BigInt(den));
  }

  #build(frame: Frame): void {
    const graph = new FilterGraph();
    this.#graph = graph;
    graph.alloc();
    graph.nbThreads = 1;
    const { num, den } = this.#timeBase;
    const isVideo = this.#isVideo;
    const base = `time_base=${isVideo ? `${String(num)}/${String(den)}` : `1/${String(frame.sampleRate)}`}`;
    const source = isVideo
      ? `buffer@in=${base}:${pictureArguments(frame)}`
      : `abuffer@in=${base}:${soundArguments(frame)}`;
    const turn = isVideo ? rotationFilters(frame) : [];
    const filters = this.#taker.filters(isVideo ? pixelFormatOf(frame) : '');
    const parts = [source, ...turn, filters, `${isVideo ? 'buffersink' : 'abuffersink'}@out`];
    let status = graph.parsePtr(parts.join(','));
    if (status >= 0) status = graph.configSync();
    this.#source = graph.getFilter(isVideo ? 'buffer@in' : 'abuffer@in') ?? undefined;
    this.#sink = graph.getFilter(isVideo ? 'buffersink@out' : 'abuffersink@out') ?? undefined;
    if (status >= 0 && this.#source !== undefined && this.#sink !== undefined) return;
    this.complaint = FFmpegError.strerror(status);
    this.done = true;
  }

  #drain(): void {
    this.#waiting = 0;
    while (!this.done && this.#sink !== undefined) {
      const status = this.#sink.buffersinkGetFrameSync(this.#filtered);
      // At a segment's end nothing more can come, though the file goes on.
      if (status === AVERROR_EOF) this.done = true;
      if (status < 0) return;
      this.done = this.#taker.take(this.#filtered);
      this.#filtered.unref();
    }
  }

  close(): void {
    this.#graph?.free();
    this.#decoded.free();
    this.#filtered.free();
    this.#context.freeContext();
  }
}

function pixelFormatOf(frame: Frame): string {
  return avGetPixFmtName(frame.format as never) ?? '';
}

function pictureArguments(frame: Frame): string {
  const { num, den } = frame.sampleAspectRatio;
  return [
    `video_size=${String(frame.width)}x${String(frame.height)}`,
    `pix_fmt=${pixelFormatOf(frame)}`,
    `pixel_aspect=${String(num)}/${String(den === 0 ? 1 : den)}`,
    `colorspace=${String(frame.colorSpace)}`,
    `range=${String(frame.colorRange)}`,
  ].join(':');
}

function soundArguments(frame: Frame): string {
  const layout = frame.channelLayout;
  const named = layout.mask === 0n ? undefined : avChannelLayoutDescribe(layout);
  return [
    `sample_rate=${String(frame.sampleRate)}`,
    `sample_fmt=${avGetSampleFmtName(frame.format as never) ?? ''}`,
    // The usual layout of that many channels, where the file names none.
    `channel_layout=${named ?? `${String(layout.nbChannels)}c`}`,
  ].join(':');
}

/** Turns a picture as its display matrix says, by the same filters as the ffmpeg program. */
function rotationFilters(frame: Frame): string[] {
  const bytes = frame.getSideData(AV_FRAME_DATA_DISPLAYMATRIX);
  if (bytes === null || bytes.length < 36) return [];
  const matrix = Array.from({ length: 9 }, (_, i) => bytes.readInt32LE(4 * i));
  const [a = 0, b = 0, , c = 0, d = 0] = matrix;
  const scaleX = Math.hypot(a, c);
  const scaleY = Math.hypot(b, d);
  if (scaleX === 0 || scaleY === 0) return [];
  const counterClockwise = (Math.atan2(b / scaleY, a / scaleX) * 180) / Math.PI;
  const theta = ((Math.round(counterClockwise) % 360) + 360) % 360;
  switch (theta) {
    case 90:
      return [`transpose=${c > 0 ? 'cclock_flip' : 'clock'}`];
    case 180:
      return [...(a < 0 ? ['hflip'] : []), ...(d < 0 ? ['vflip'] : [])];
    case 270:
      return [`transpose=${c < 0 ? 'clock_flip' : 'cclock'}`];
    case 0:
      return d < 0 ? ['vflip'] : [];
    default:
      return [`rotate=${String(theta)}*PI/180`];
  }
}

/** What is subtracted from a stream's times, in its own unit, so that the segment begins at 0. */
export function shiftOf(stream: Stream, segment: Segment): bigint {
  const { num, den } = stream.timeBase;
  return divideRounded(segment.zeroUs * BigInt(den), MICROSECONDS * BigInt(num));
}

/** To the nearest, a half away from zero: FFmpeg's way of changing a time's base. */
function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const half = divisor / 2n;
  return dividend < 0n ? -((half - dividend) / divisor) : (dividend + half) / divisor;
}
