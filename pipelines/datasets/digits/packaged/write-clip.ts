/** A clip of the embedded data made by FFmpeg's libraries inside this process: from a graph of filters to an mp4 file. */
import {
  AV_CODEC_FLAG_BITEXACT,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_ERROR,
  AV_OPT_SEARCH_CHILDREN,
  AV_OPT_TYPE_STRING,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_FLTP,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVFMT_FLAG_BITEXACT,
  AVMEDIA_TYPE_VIDEO,
  FF_ENCODER_AAC,
  FF_ENCODER_LIBX264,
} from 'node-av/constants';
import {
  Codec,
  CodecContext,
  FFmpegError,
  FilterGraph,
  FormatContext,
  Frame,
  Log,
  Packet,
  Rational,
  type FilterContext,
  type Stream,
} from 'node-av/lib';
import { DIGIT_CLIP } from '../plan-digits.ts';

const X264_OPTIONS = { preset: 'veryfast', crf: '23' } as const;
const AUDIO_BITS_PER_S = 64_000n;
/** Samples in a frame of AAC. */
const AAC_FRAME = 1024;

interface Track {
  readonly sink: FilterContext;
  readonly encoder: CodecContext;
  readonly stream: Stream;
}

/**
 * Writes h264 (yuv420p) and aac (mono) into an mp4 file, with the settings of `renderArguments`.
 * @param graph with the outputs `[video0]` and `[audio0]`
 * @throws Error with FFmpeg's words
 */
export function writeClip(graph: string, file: string): void {
  Log.setLevel(AV_LOG_ERROR);
  const { durationS, sampleRateHz } = DIGIT_CLIP;
  const filters = new FilterGraph();
  const output = new FormatContext();
  const encoders: CodecContext[] = [];
  try {
    filters.alloc();
    filters.nbThreads = 1;
    const sound = `sample_fmts=fltp:sample_rates=${String(sampleRateHz)}:channel_layouts=mono`;
    const ends = [
      `[video0]trim=end=${String(durationS)},buffersink@video`,
      // The encoder takes frames of this length only.
      `[audio0]atrim=end=${String(durationS)},aformat=${sound},asetnsamples=n=${String(AAC_FRAME)}:p=0,abuffersink@audio`,
    ];
    check(filters.parsePtr([graph, ...ends].join(';')), 'the graph');
    check(filters.configSync(), 'the graph');
    check(output.allocOutputContext2(null, 'mp4', file), file);
    output.setFlags(AVFMT_FLAG_BITEXACT);
    const tracks = [
      openTrack(output, filters.getFilter('buffersink@video')!, FF_ENCODER_LIBX264, encoders),
      openTrack(output, filters.getFilter('abuffersink@audio')!, FF_ENCODER_AAC, encoders),
    ];
    check(output.openOutputSync(), file);
    check(output.setOption('movflags', '+faststart', AV_OPT_TYPE_STRING, AV_OPT_SEARCH_CHILDREN), 'movflags');
    check(output.writeHeaderSync(), file);
    for (const track of tracks) encode(track, output);
    check(output.interleavedWriteFrameSync(null), file);
    check(output.writeTrailerSync(), file);
  } finally {
    for (const encoder of encoders) encoder.freeContext();
    output.closeOutputSync();
    output.freeContext();
    filters.free();
  }
}

function openTrack(
  output: FormatContext,
  sink: FilterContext,
  name: typeof FF_ENCODER_LIBX264 | typeof FF_ENCODER_AAC,
  encoders: CodecContext[],
): Track {
  const codec = Codec.findEncoderByName(name);
  if (codec === null) throw new Error(`FFmpeg has no encoder ${name}`);
  const encoder = new CodecContext();
  encoders.push(encoder);
  encoder.allocContext3(codec);
  encoder.threadCount = 1;
  encoder.setFlags(AV_CODEC_FLAG_BITEXACT, AV_CODEC_FLAG_GLOBAL_HEADER);
  const timeBase = sink.buffersinkGetTimeBase();
  encoder.timeBase = new Rational(timeBase.num, timeBase.den);
  if (codec.type === AVMEDIA_TYPE_VIDEO) {
    encoder.width = sink.buffersinkGetWidth();
    encoder.height = sink.buffersinkGetHeight();
    encoder.pixelFormat = AV_PIX_FMT_YUV420P;
    // Quality alone decides.
    encoder.bitRate = 0n;
    encoder.framerate = new Rational(DIGIT_CLIP.fps, 1);
    // Not as a dictionary: FFmpeg frees that, and the package does so once more.
    for (const [option, value] of Object.entries(X264_OPTIONS)) {
      check(encoder.setOption(option, value, AV_OPT_TYPE_STRING, AV_OPT_SEARCH_CHILDREN), option);
    }
    check(encoder.open2Sync(codec), name);
  } else {
    encoder.sampleRate = sink.buffersinkGetSampleRate();
    encoder.sampleFormat = AV_SAMPLE_FMT_FLTP;
    encoder.channelLayout = sink.buffersinkGetChannelLayout();
    encoder.bitRate = AUDIO_BITS_PER_S;
    check(encoder.open2Sync(codec), name);
  }
  const stream = output.newStream();
  check(stream.codecpar.fromContext(encoder), name);
  stream.timeBase = encoder.timeBase;
  return { sink, encoder, stream };
}

/** All of a track, to its end. */
function encode({ sink, encoder, stream }: Track, output: FormatContext): void {
  const isVideo = encoder.codecType === AVMEDIA_TYPE_VIDEO;
  const frame = new Frame();
  const packet = new Packet();
  frame.alloc();
  packet.alloc();
  try {
    for (let isDone = false; !isDone;) {
      const got = sink.buffersinkGetFrameSync(frame);
      isDone = got === AVERROR_EOF;
      if (!isDone) check(got, 'a frame');
      check(encoder.sendFrameSync(isDone ? null : frame), 'a frame');
      frame.unref();
      for (;;) {
        const received = encoder.receivePacketSync(packet);
        if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break;
        check(received, 'a packet');
        packet.streamIndex = stream.index;
        // Else a film ends when its last picture begins.
        if (isVideo) packet.duration = 1n;
        packet.rescaleTs(encoder.timeBase, stream.timeBase);
        check(output.interleavedWriteFrameSync(packet), 'a packet');
      }
    }
  } finally {
    frame.free();
    packet.free();
  }
}

function check(status: number, what: string): void {
  if (status < 0) throw new Error(`${what}: ${FFmpegError.strerror(status)}`);
}
