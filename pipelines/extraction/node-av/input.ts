/** A media file, opened with FFmpeg inside this process: where it begins, where reading begins, what is decoded of it. */
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AVDISCARD_ALL,
  AVDISCARD_DEFAULT,
  AVERROR_EAGAIN,
  AVFMT_SEEK_TO_PTS,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
  AVSEEK_FLAG_BACKWARD,
} from 'node-av/constants';
import { avChannelLayoutDescribe, Codec, FFmpegError, FormatContext, Packet, type Stream } from 'node-av/lib';
import {
  CONTAINERS,
  filmAmong,
  isReadFromStart,
  LEADS_US,
  MAX_FILM_PIXELS,
  segmentEndUs,
  segmentStart,
  SOUGHT_BLINDLY,
  type DecodeRequest,
  type InputFacts,
  type StreamTimes,
} from '../decode.ts';
import { NO_TIMESTAMP, shiftOf, type Segment } from './clock.ts';
import { FrameDecoder, type Taker } from './frames.ts';
import { canChooseAhead, SelectiveDecoder, type PictureTaker } from './selective.ts';

/** How much further back the ffmpeg program seeks where a container seeks by decoding time: 3 frames of 23 fps. */
const REORDERING_US = 130_434n;

function codecName({ codecpar }: Stream): string {
  return Codec.findDecoder(codecpar.codecId)?.name ?? 'unknown';
}

function decoderOf(
  stream: Stream,
  taker: Taker | PictureTaker,
  segment: Segment,
): FrameDecoder | SelectiveDecoder {
  return 'video' in taker && canChooseAhead(codecName(stream), taker.video, segment)
    ? new SelectiveDecoder(stream, taker, segment)
    : new FrameDecoder(stream, taker, segment);
}

/** One file: opened, its first video (no cover picture) and first audio stream decoded. */
export class Input {
  readonly #path: string;
  readonly #request: DecodeRequest;
  readonly #format = new FormatContext();
  readonly #videos: Stream[] = [];
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
    // To find out more of a stream FFmpeg decodes some of it by itself, without our limit.
    const large = this.#format.streams.filter(
      ({ codecpar }) => codecpar.width * codecpar.height > MAX_FILM_PIXELS,
    );
    for (const stream of large) stream.discard = AVDISCARD_ALL;
    const found = this.#format.findStreamInfoSync();
    for (const stream of large) stream.discard = AVDISCARD_DEFAULT;
    if (found < 0) return FFmpegError.strerror(found);
    for (const stream of this.#format.streams) {
      const isCover = (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0;
      if (stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO && !isCover) this.#videos.push(stream);
      if (stream.codecpar.codecType === AVMEDIA_TYPE_AUDIO) this.#audio ??= stream;
    }
    this.#video = this.#videos[filmAmong(this.#videos.map(codecName))];
    return undefined;
  }

  facts(): InputFacts {
    const { duration } = this.#format;
    const audio = this.#audio;
    return {
      format: this.#format.iformat?.name ?? '',
      hasVideo: this.#video !== undefined,
      videoCodecs: this.#videos.map(codecName),
      audioCodec: audio && codecName(audio),
      audioLayout: audio && (avChannelLayoutDescribe(audio.codecpar.channelLayout) ?? undefined),
      audioRateHz: audio?.codecpar.sampleRate,
      // To 10 ms, as the ffmpeg program prints it.
      durationS: duration > 0n ? Math.floor((Number(duration) + 5_000) / 10_000) / 100 : undefined,
    };
  }

  /** @returns a complaint, when a stream could not be decoded at all */
  read(pictures: PictureTaker | undefined, samples: Taker | undefined): string | undefined {
    const decoders = new Map<number, FrameDecoder | SelectiveDecoder>();
    let complaint: string | undefined;
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
      if (waiting()) {
        for (const packet of this.#packets()) {
          decoders.get(packet.streamIndex)?.send(packet);
          if (!waiting()) break;
        }
      }
      for (const decoder of decoders.values()) decoder.finish();
      for (const decoder of decoders.values()) complaint = decoder.complaint ?? complaint;
    } finally {
      for (const decoder of decoders.values()) decoder.close();
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
    // Without timestamps, as of raw H.264, packets follow each other.
    let [first, last, packets, clock] = [0n, 0n, 0, 0n];
    for (const packet of this.#packets()) {
      if (packet.streamIndex !== video.index) continue;
      const known = packet.pts === NO_TIMESTAMP ? packet.dts : packet.pts;
      const time = known === NO_TIMESTAMP ? clock : known;
      clock = time + packet.duration;
      if (packets === 0 || time < first) first = time;
      if (packets === 0 || time > last) last = time;
      packets += 1;
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
    const lead = startUs > runUpUs ? this.#leadUs(startUs, runUpUs) : undefined;
    if (lead !== undefined) {
      const byDecodingTime =
        iformat?.hasFlags(AVFMT_SEEK_TO_PTS as never) !== true &&
        this.#format.streams.some(({ codecpar }) => codecpar.videoDelay > 0);
      const target = fileStartUs + BigInt(startUs - lead) - (byDecodingTime ? REORDERING_US : 0n);
      this.#format.seekFrameSync(-1, target, AVSEEK_FLAG_BACKWARD);
    }
    return {
      zeroUs: fileStartUs + BigInt(startUs),
      endUs: segmentEndUs(this.#request),
      isWhole: startS === undefined && endS === undefined,
    };
  }

  /** @returns how far before the start to go; undefined: reading begins where the file does */
  #leadUs(startUs: number, runUpUs: number): number | undefined {
    const facts = this.facts();
    if (isReadFromStart(facts)) return undefined;
    if (!SOUGHT_BLINDLY.includes(facts.format)) return runUpUs;
    return LEADS_US.find((lead) => {
      if (lead >= startUs) return false;
      // Opened for itself: what was read for a try is not found back to.
      const trial = new Input(this.#path, this.#request);
      try {
        return trial.open() === undefined && trial.#hasKeyframeIn(startUs - lead, startUs - runUpUs);
      } finally {
        trial.close();
      }
    });
  }

  /** Both in µs from the file's beginning. */
  #hasKeyframeIn(fromUs: number, toUs: number): boolean {
    const stream = this.#request.video === undefined ? this.#audio : this.#video;
    if (stream === undefined) return true;
    const sought = this.#fileStartUs() + BigInt(fromUs);
    if (this.#format.seekFrameSync(-1, sought, AVSEEK_FLAG_BACKWARD) < 0) return false;
    const end = shiftOf(stream, { zeroUs: this.#fileStartUs() + BigInt(toUs), isWhole: true });
    for (const { pts, isKeyframe, streamIndex } of this.#packets()) {
      if (streamIndex !== stream.index || pts === NO_TIMESTAMP) continue;
      if (isKeyframe) return pts <= end;
      if (pts > end) return false;
    }
    return false;
  }

  /** From where reading is to the end or the first error, in the file's order; each is valid until the next. */
  *#packets(): Generator<Packet, void, void> {
    const packet = new Packet();
    packet.alloc();
    try {
      for (;;) {
        const status = this.#format.readFrameSync(packet);
        if (status === AVERROR_EAGAIN) continue;
        if (status < 0) return;
        yield packet;
        packet.unref();
      }
    } finally {
      packet.free();
    }
  }

  close(): void {
    this.#format.closeInputSync();
    this.#format.freeContext();
  }
}
