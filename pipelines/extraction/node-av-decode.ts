/**
 * Decodes with FFmpeg inside this process (node-av): no process start, and no work beyond the last wanted frame and
 * sample. It blocks, and hostile media may end the process: only `node-av-child.ts` calls it.
 */
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_FRAME_DATA_DISPLAYMATRIX,
  AVDISCARD_ALL,
  AVERROR_EAGAIN,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
  AVSEEK_FLAG_BACKWARD,
  avChannelLayoutDescribe,
  avGetPixFmtName,
  avGetSampleFmtName,
  Codec,
  CodecContext,
  FFmpegError,
  FilterGraph,
  FormatContext,
  Frame,
  Packet,
  type FilterContext,
  type Stream,
} from 'node-av';
import { ClipUnusable } from './extractor.ts';
import {
  AUDIO_MARGIN_S,
  audioFilter,
  CONTAINERS,
  MAX_ASPECT,
  MAX_DECODED_PIXELS,
  videoFilter,
  type AudioRequest,
  type Decoded,
  type DecodeRequest,
  type InputFacts,
  type VideoRequest,
} from './decode.ts';
import type { Picture } from './ppm.ts';

const MICROSECONDS = 1_000_000n;
const NO_TIMESTAMP = -(2n ** 63n);
/** How far before a segment reading begins: decoders need a run-up, and some containers seek by decoding time. */
const SEEK_RUN_UP_US = 500_000n;

/** `Decode`, blocking; limits on time are the caller's. */
export function decodeInProcess(request: DecodeRequest): Decoded {
  const pictures: Picture[] = [];
  const chunks: Float32Array[] = [];
  const inputs: (InputFacts | undefined)[] = [];
  let complaint = '';
  for (const [index, path] of request.inputs.entries()) {
    const input = new Input(path, request);
    try {
      const problem = input.open();
      if (problem !== undefined) {
        complaint = problem;
        inputs.push(undefined);
        continue;
      }
      inputs.push(input.facts());
      const problemOfReading = input.read(
        request.video?.input === index ? pictureTaker(request.video, pictures) : undefined,
        request.audio?.input === index ? sampleTaker(request.audio, chunks) : undefined,
      );
      if (problemOfReading !== undefined) complaint = problemOfReading;
    } finally {
      input.close();
    }
  }
  return { pictures, samples: join(chunks), inputs, complete: !inputs.includes(undefined), complaint };
}

/** What becomes of a stream's frames. */
interface Taker {
  readonly filters: string;
  /** @returns whether that is enough */
  readonly take: (frame: Frame) => boolean;
}

function pictureTaker(video: VideoRequest, pictures: Picture[]): Taker {
  return {
    filters: videoFilter(video),
    take: (frame) => {
      const { width, height } = frame;
      if (width * height > video.shortSide * video.shortSide * MAX_ASPECT) {
        throw new ClipUnusable('too-large', 'its picture is larger than any video frame should be');
      }
      pictures.push({ width, height, data: frame.toBuffer() });
      return pictures.length >= video.frames;
    },
  };
}

function sampleTaker(audio: AudioRequest, chunks: Float32Array[]): Taker {
  let wanted = Math.round((audio.durationS + AUDIO_MARGIN_S) * audio.sampleRateHz);
  return {
    filters: audioFilter(audio),
    take: (frame) => {
      const bytes = frame.toBuffer();
      const count = Math.min(wanted, frame.nbSamples);
      const chunk = new Float32Array(count);
      new Uint8Array(chunk.buffer).set(bytes.subarray(0, 4 * count));
      chunks.push(chunk);
      wanted -= count;
      return wanted <= 0;
    },
  };
}

function join(chunks: readonly Float32Array[]): Float32Array {
  const samples = new Float32Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    samples.set(chunk, at);
    at += chunk.length;
  }
  return samples;
}

/** One file: opened, its first video (no cover picture) and first audio stream decoded. */
class Input {
  readonly #path: string;
  readonly #request: DecodeRequest;
  readonly #format = new FormatContext();
  #video: Stream | undefined;
  #audio: Stream | undefined;

  constructor(path: string, request: DecodeRequest) {
    this.#path = path;
    this.#request = request;
  }

  /** @returns FFmpeg's complaint when it cannot be opened */
  open(): string | undefined {
    this.#format.allocContext();
    // Not as a `Dictionary`: one that was given to an opened file ends the process when it is collected.
    this.#format.setOption('protocol_whitelist', 'file,pipe');
    this.#format.setOption('format_whitelist', CONTAINERS);
    const opened = this.#format.openInputSync(`file:${this.#path}`);
    if (opened < 0) return FFmpegError.strerror(opened);
    const found = this.#format.findStreamInfoSync();
    if (found < 0) return FFmpegError.strerror(found);
    for (const stream of this.#format.streams) {
      const isCover = (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0;
      if (stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO && !isCover) this.#video ??= stream;
      if (stream.codecpar.codecType === AVMEDIA_TYPE_AUDIO) this.#audio ??= stream;
    }
    return undefined;
  }

  facts(): InputFacts {
    const { duration } = this.#format;
    const codec = this.#audio === undefined ? undefined : Codec.findDecoder(this.#audio.codecpar.codecId);
    return {
      hasVideo: this.#video !== undefined,
      audioCodec: this.#audio === undefined ? undefined : (codec?.name ?? 'unknown'),
      // To 10 ms, as the ffmpeg program prints it.
      durationS: duration > 0n ? Math.floor((Number(duration) + 5_000) / 10_000) / 100 : undefined,
    };
  }

  /** @returns a complaint, when a stream could not be decoded at all */
  read(pictures: Taker | undefined, samples: Taker | undefined): string | undefined {
    const decoders = new Map<number, StreamDecoder>();
    let complaint: string | undefined;
    const packet = new Packet();
    packet.alloc();
    try {
      const segment = this.#seek();
      for (const [stream, taker] of [
        [this.#video, pictures],
        [this.#audio, samples],
      ] as const) {
        if (stream === undefined || taker === undefined) continue;
        const decoder = new StreamDecoder(stream, taker, segment);
        decoders.set(stream.index, decoder);
        complaint = decoder.open() ?? complaint;
      }
      for (const stream of this.#format.streams) {
        if (!decoders.has(stream.index)) stream.discard = AVDISCARD_ALL;
      }
      const waiting = () => [...decoders.values()].some((decoder) => !decoder.done);
      while (waiting()) {
        const status = this.#format.readFrameSync(packet);
        if (status === AVERROR_EAGAIN) continue;
        if (status < 0) break;
        decoders.get(packet.streamIndex)?.send(packet);
        packet.unref();
      }
      for (const decoder of decoders.values()) decoder.finish();
      for (const decoder of decoders.values()) complaint = decoder.complaint ?? complaint;
    } finally {
      for (const decoder of decoders.values()) decoder.close();
      packet.free();
    }
    return complaint;
  }

  /** Goes to the segment's start, if it has one. */
  #seek(): Segment {
    const { startS, endS } = this.#request;
    const fileStartUs = this.#format.startTime === NO_TIMESTAMP ? 0n : this.#format.startTime;
    const startUs = BigInt(Math.round((startS ?? 0) * 1e6));
    if (startS !== undefined) {
      const target = fileStartUs + startUs - SEEK_RUN_UP_US;
      this.#format.seekFrameSync(-1, target, AVSEEK_FLAG_BACKWARD);
    }
    const bounds = [
      ...(startS === undefined ? [] : ['start=0']),
      ...(endS === undefined ? [] : [`duration=${String(Math.round((endS - (startS ?? 0)) * 1e6))}us`]),
    ];
    return { zeroUs: fileStartUs + startUs, trim: bounds.join(':') };
  }

  close(): void {
    this.#format.closeInputSync();
    this.#format.freeContext();
  }
}

interface Segment {
  /** What counts as time 0, on the file's clock. */
  readonly zeroUs: bigint;
  /** Options of `trim`; empty: the whole file. */
  readonly trim: string;
}

/** Decoder and filters of one stream. */
class StreamDecoder {
  readonly #stream: Stream;
  readonly #taker: Taker;
  readonly #segment: Segment;
  readonly #context = new CodecContext();
  readonly #decoded = new Frame();
  readonly #filtered = new Frame();
  readonly #shift: bigint;
  #graph: FilterGraph | undefined;
  #source: FilterContext | undefined;
  #sink: FilterContext | undefined;
  #sizeOfFirst: string | undefined;
  done = false;
  complaint: string | undefined;

  constructor(stream: Stream, taker: Taker, segment: Segment) {
    this.#stream = stream;
    this.#taker = taker;
    this.#segment = segment;
    const { num, den } = stream.timeBase;
    this.#shift = divideRounded(segment.zeroUs * BigInt(den), MICROSECONDS * BigInt(num));
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
    if (frame.isVideo()) {
      const size = `${String(frame.width)}x${String(frame.height)}`;
      this.#sizeOfFirst ??= size;
      // A stream may change its size midway; a row has one.
      if (size !== this.#sizeOfFirst) return;
    }
    const time = frame.bestEffortTimestamp === NO_TIMESTAMP ? frame.pts : frame.bestEffortTimestamp;
    if (time !== NO_TIMESTAMP) frame.pts = time - this.#shift;
    if (this.#graph === undefined) this.#build(frame);
    if (this.done) return;
    const added = this.#source!.buffersrcAddFrameSync(frame);
    if (added < 0) this.complaint = FFmpegError.strerror(added);
    this.#drain();
  }

  #build(frame: Frame): void {
    const graph = new FilterGraph();
    this.#graph = graph;
    graph.alloc();
    graph.nbThreads = 1;
    const { num, den } = this.#stream.timeBase;
    const base = `time_base=${String(num)}/${String(den)}`;
    const isVideo = frame.isVideo();
    const trim = this.#segment.trim === '' ? [] : [`${isVideo ? 'trim' : 'atrim'}=${this.#segment.trim}`];
    const source = isVideo
      ? `buffer@in=${base}:${pictureArguments(frame)}`
      : `abuffer@in=${base}:${soundArguments(frame)}`;
    const turn = isVideo ? rotationFilters(frame) : [];
    const parts = [
      source,
      ...trim,
      ...turn,
      this.#taker.filters,
      `${isVideo ? 'buffersink' : 'abuffersink'}@out`,
    ];
    let status = graph.parsePtr(parts.join(','));
    if (status >= 0) status = graph.configSync();
    this.#source = graph.getFilter(isVideo ? 'buffer@in' : 'abuffer@in') ?? undefined;
    this.#sink = graph.getFilter(isVideo ? 'buffersink@out' : 'abuffersink@out') ?? undefined;
    if (status >= 0 && this.#source !== undefined && this.#sink !== undefined) return;
    this.complaint = FFmpegError.strerror(status);
    this.done = true;
  }

  #drain(): void {
    while (!this.done && this.#sink !== undefined && this.#sink.buffersinkGetFrameSync(this.#filtered) >= 0) {
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

function pictureArguments(frame: Frame): string {
  const { num, den } = frame.sampleAspectRatio;
  return [
    `video_size=${String(frame.width)}x${String(frame.height)}`,
    `pix_fmt=${avGetPixFmtName(frame.format as never) ?? ''}`,
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

/** To the nearest, a half away from zero: FFmpeg's way of changing a time's base. */
function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const half = divisor / 2n;
  return dividend < 0n ? -((half - dividend) / divisor) : (dividend + half) / divisor;
}
