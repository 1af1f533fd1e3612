/** One stream's packets in, filtered frames out, with FFmpeg inside this process. */
import { AVERROR_EAGAIN, AVERROR_EOF, AVMEDIA_TYPE_VIDEO } from 'node-av/constants';
import {
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
import { MAX_FILM_PIXELS } from '../decode.ts';
import { divideRounded, inUnits, NO_TIMESTAMP, shiftOf, type Segment } from './clock.ts';
import { pictureArguments, pixelFormatOf, rotationFilters, soundArguments } from './filter-arguments.ts';

/** What becomes of a stream's frames. */
export interface Taker {
  /** @param pixelFormat FFmpeg's name; of sound, empty */
  readonly filters: (pixelFormat: string) => string;
  /** @returns whether that is enough */
  readonly take: (frame: Frame) => boolean;
  /** Filters for the last frames, of whose answers the last is taken when all others were not enough. */
  readonly last?: { readonly frames: number; readonly filters: (pixelFormat: string) => string };
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
  /** Asked for once: each question to FFmpeg's objects costs a microsecond. */
  readonly #timeBase: TimeBase;
  readonly #shift: bigint;
  readonly #gate: Gate | undefined;
  #skipsUnreferenced = false;
  #graph: FilterGraph | undefined;
  #source: FilterContext | undefined;
  #sink: FilterContext | undefined;
  /** Size of the first frame, or kind of the sound that the filters were made for. */
  #kind: string | undefined;
  /** The last frames before the part's end, oldest first. */
  readonly #kept: Frame[] = [];
  readonly #end: bigint | undefined;
  #lastTime: bigint | undefined;
  /** Where a picture without a time of its own belongs. */
  #afterLast: bigint | undefined;
  /** Frames that the filters were given since they were last asked. */
  #waiting = 0;
  /** Frames that passed the gate. */
  passed = 0;
  /** Sizes differ, or times do not rise from frame to frame as the container gives them. */
  isUneven = false;
  done = false;
  #hasEnough = false;
  complaint: string | undefined;

  /** @param gate absent: all frames go to the filters */
  constructor(stream: Stream, taker: Taker, segment: Segment, gate?: Gate) {
    this.#stream = stream;
    this.#taker = taker;
    this.#gate = gate;
    this.#isVideo = stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO;
    const { num, den } = stream.timeBase;
    this.#timeBase = { num, den };
    this.#shift = shiftOf(stream, segment);
    this.#end = segment.endUs === undefined ? undefined : inUnits(BigInt(segment.endUs), this.#timeBase);
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
    this.#context.setOption('max_pixels', String(MAX_FILM_PIXELS));
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
    if (!this.done) {
      this.send(null);
      this.#source?.buffersrcAddFrameSync(null);
      this.#drain();
      this.done = true;
    }
    if (!this.#hasEnough) this.#takeLast();
  }

  #filter(frame: Frame): void {
    const isVideo = this.#isVideo;
    if (isVideo) this.#noteSize(frame);
    else this.#noteSound(frame);
    if (!this.#passes(frame)) return;
    this.passed += 1;
    if (this.#graph === undefined) this.#build(frame, this.#taker.filters);
    if (this.done) return;
    if (this.#taker.last !== undefined) this.#keep(frame, this.#taker.last.frames);
    const added = this.#source!.buffersrcAddFrameSync(frame);
    if (added < 0) this.complaint = FFmpegError.strerror(added);
    this.#waiting += 1;
    if (isVideo || this.#waiting === SOUND_FRAMES_TOGETHER) this.#drain();
  }

  /** Filters bring frames of another size to the first one's: a row has one. */
  #noteSize({ width, height }: Frame): void {
    const kind = `${String(width)}x${String(height)}`;
    this.#kind ??= kind;
    this.isUneven ||= kind !== this.#kind;
  }

  /**
   * Sound of another rate or other channels needs other filters. What the old ones hold back, a millisecond, is lost, as it
   * is with the ffmpeg program.
   */
  #noteSound(frame: Frame): void {
    const kind = `${String(frame.sampleRate)} ${String(frame.format)} ${String(frame.channels)}`;
    if (this.#kind !== undefined && kind !== this.#kind) {
      this.#drain();
      this.#graph?.free();
      this.#graph = undefined;
    }
    this.#kind = kind;
  }

  #keep(frame: Frame, count: number): void {
    if (this.#end !== undefined && frame.pts !== NO_TIMESTAMP && frame.pts >= this.#end) return;
    const kept = this.#kept.length < count ? new Frame() : this.#kept.shift()!;
    if (this.#kept.length < count) kept.alloc();
    kept.unref();
    kept.ref(frame);
    this.#kept.push(kept);
  }

  #takeLast(): void {
    const { last, take } = this.#taker;
    const [first] = this.#kept;
    if (last === undefined || first === undefined) return;
    this.#graph?.free();
    this.done = false;
    this.#build(first, last.filters);
    if (this.#isDone()) return;
    for (const frame of this.#kept) this.#source!.buffersrcAddFrameSync(frame);
    this.#source!.buffersrcAddFrameSync(null);
    const answer = new Frame();
    answer.alloc();
    try {
      let came = false;
      while (this.#sink!.buffersinkGetFrameSync(this.#filtered) >= 0) {
        answer.unref();
        answer.ref(this.#filtered);
        this.#filtered.unref();
        came = true;
      }
      if (came) take(answer);
    } finally {
      answer.free();
      this.done = true;
    }
  }

  /** Gives the frame its time in the segment. @returns whether it may pass the gate */
  #passes(frame: Frame): boolean {
    const isVideo = this.#isVideo;
    const { pts, bestEffortTimestamp } = frame;
    const known =
      bestEffortTimestamp === NO_TIMESTAMP || (!isVideo && pts !== NO_TIMESTAMP) ? pts : bestEffortTimestamp;
    // Raw H.264 and the like have no clock: one frame follows the other.
    const time = known === NO_TIMESTAMP && isVideo ? (this.#afterLast ?? this.#shift) : known;
    if (isVideo) this.#afterLast = time + frame.duration;
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

  #build(frame: Frame, filtersFor: Taker['filters']): void {
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
    // What turns a picture relies on its size.
    if (turn.length > 0) turn.unshift(`scale=${String(frame.width)}:${String(frame.height)}:flags=bicubic`);
    const filters = filtersFor(isVideo ? pixelFormatOf(frame) : '');
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
      this.#hasEnough = this.#taker.take(this.#filtered);
      this.done = this.#hasEnough;
      this.#filtered.unref();
    }
  }

  close(): void {
    this.#graph?.free();
    for (const frame of this.#kept) frame.free();
    this.#decoded.free();
    this.#filtered.free();
    this.#context.freeContext();
  }
}
