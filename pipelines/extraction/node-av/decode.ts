/**
 * Decodes with FFmpeg inside this process (node-av): no process start, and no work beyond the last wanted frame and
 * sample. It blocks, and hostile media may end the process: only `node-av-child.ts` calls it.
 */
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AVDISCARD_ALL,
  AVERROR_EAGAIN,
  AVFMT_SEEK_TO_PTS,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
  AVSEEK_FLAG_BACKWARD,
} from 'node-av/constants';
import { Codec, FFmpegError, FormatContext, Packet, type Stream } from 'node-av/lib';
import { ClipUnusable } from '../extractor.ts';
import {
  AUDIO_MARGIN_S,
  audioFilter,
  CONTAINERS,
  mostPixels,
  needsStreamTimes,
  sameViaPlanes,
  sampledTimes,
  segmentStart,
  SOUGHT_BLINDLY,
  videoFilter,
  type AudioRequest,
  type Decoded,
  type DecodeRequest,
  type InputFacts,
  type Part,
  type StreamTimes,
  type VideoRequest,
} from '../decode.ts';
import { FrameDecoder, NO_TIMESTAMP, shiftOf, type Segment, type Taker } from './frames.ts';
import { canChooseAhead, SelectiveDecoder, type PictureTaker } from './selective.ts';
import type { Picture } from '../ffmpeg/ppm.ts';

/** How much further back the ffmpeg program seeks where a container seeks by decoding time: 3 frames of 23 fps. */
const REORDERING_US = 130_434n;
/** Samples of one answer of the filters, the last but for what is left: fewer answers, each of which costs several calls. */
const SAMPLES_TOGETHER = 8_192;

/** `Decode`, blocking; limits on time are the caller's. */
export function decodeInProcess(request: DecodeRequest): Decoded {
  const pictures: Picture[] = [];
  const chunks: Float32Array[] = [];
  const inputs: (InputFacts | undefined)[] = [];
  let complaint = '';
  const video = request.video && sampledTimes(request.video, request, streamTimes(request));
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
        video !== undefined && request.video?.input === index
          ? pictureTaker(video, request, pictures)
          : undefined,
        request.audio?.input === index ? sampleTaker(request.audio, request, chunks) : undefined,
      );
      if (problemOfReading !== undefined) complaint = problemOfReading;
    } finally {
      input.close();
    }
  }
  return { pictures, samples: join(chunks), inputs, complete: !inputs.includes(undefined), complaint };
}

/** Of the file that the pictures come from, if they are to lie in segments of it. */
function streamTimes(request: DecodeRequest): StreamTimes | undefined {
  const { video } = request;
  if (video === undefined || !needsStreamTimes(video, request)) return undefined;
  // Opened for itself: not every container finds back to its beginning.
  const input = new Input(request.inputs[video.input] ?? '', request);
  try {
    return input.open() === undefined ? input.times() : undefined;
  } finally {
    input.close();
  }
}

function pictureTaker(video: VideoRequest, part: Part, pictures: Picture[]): PictureTaker {
  return {
    video,
    filters: (pixelFormat) => videoFilter(video, part, sameViaPlanes(pixelFormat)),
    forget: () => {
      pictures.length = 0;
    },
    take: (frame) => {
      const { width, height } = frame;
      if (width * height > mostPixels(video)) {
        throw new ClipUnusable('too-large', 'its picture is larger than any video frame should be');
      }
      pictures.push({ width, height, data: frame.toBuffer() });
      return pictures.length >= video.frames;
    },
  };
}

function sampleTaker(audio: AudioRequest, part: Part, chunks: Float32Array[]): Taker {
  let wanted = Math.round((audio.durationS + AUDIO_MARGIN_S) * audio.sampleRateHz);
  return {
    filters: () => `${audioFilter(audio, part)},asetnsamples=n=${String(SAMPLES_TOGETHER)}:p=0`,
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

function decoderOf(
  stream: Stream,
  taker: Taker | PictureTaker,
  segment: Segment,
): FrameDecoder | SelectiveDecoder {
  const codec = Codec.findDecoder(stream.codecpar.codecId)?.name ?? undefined;
  return 'video' in taker && canChooseAhead(codec, taker.video, segment)
    ? new SelectiveDecoder(stream, taker, segment)
    : new FrameDecoder(stream, taker, segment);
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
      format: this.#format.iformat?.name ?? '',
      hasVideo: this.#video !== undefined,
      audioCodec: this.#audio === undefined ? undefined : (codec?.name ?? 'unknown'),
      // To 10 ms, as the ffmpeg program prints it.
      durationS: duration > 0n ? Math.floor((Number(duration) + 5_000) / 10_000) / 100 : undefined,
    };
  }

  /** @returns a complaint, when a stream could not be decoded at all */
  read(pictures: PictureTaker | undefined, samples: Taker | undefined): string | undefined {
    const decoders = new Map<number, FrameDecoder | SelectiveDecoder>();
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
        const decoder = decoderOf(stream, taker, segment);
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

  /** Reads all packets of the video stream, and decodes none. */
  times(): StreamTimes | undefined {
    const video = this.#video;
    if (video === undefined) return undefined;
    for (const stream of this.#format.streams) {
      if (stream.index !== video.index) stream.discard = AVDISCARD_ALL;
    }
    const { num, den } = video.timeBase;
    const shift = shiftOf(video, { zeroUs: this.#fileStartUs(), isWhole: true });
    let [first, last, packets] = [0n, 0n, 0];
    const packet = new Packet();
    packet.alloc();
    try {
      for (;;) {
        const status = this.#format.readFrameSync(packet);
        if (status === AVERROR_EAGAIN) continue;
        if (status < 0) break;
        const time = packet.pts === NO_TIMESTAMP ? packet.dts : packet.pts;
        if (packet.streamIndex === video.index && time !== NO_TIMESTAMP) {
          if (packets === 0 || time < first) first = time;
          if (packets === 0 || time > last) last = time;
          packets += 1;
        }
        packet.unref();
      }
    } finally {
      packet.free();
    }
    const seconds = (time: bigint) => (Number(time - shift) * num) / den;
    return { firstS: seconds(first), lastS: seconds(last), packets };
  }

  #fileStartUs(): bigint {
    return this.#format.startTime === NO_TIMESTAMP ? 0n : this.#format.startTime;
  }

  /** Goes to the segment's start, if it has one. */
  #seek(): Segment {
    const { startS, endS } = this.#request;
    const { startUs, runUpUs } = segmentStart(this.#request);
    const { iformat } = this.#format;
    const fileStartUs = this.#fileStartUs();
    if (startUs > runUpUs && !SOUGHT_BLINDLY.includes(iformat?.name ?? '')) {
      const byDecodingTime =
        iformat?.hasFlags(AVFMT_SEEK_TO_PTS as never) !== true &&
        this.#format.streams.some(({ codecpar }) => codecpar.videoDelay > 0);
      const target = fileStartUs + BigInt(startUs - runUpUs) - (byDecodingTime ? REORDERING_US : 0n);
      this.#format.seekFrameSync(-1, target, AVSEEK_FLAG_BACKWARD);
    }
    return {
      zeroUs: fileStartUs + BigInt(startUs),
      isWhole: startS === undefined && endS === undefined,
    };
  }

  close(): void {
    this.#format.closeInputSync();
    this.#format.freeContext();
  }
}
