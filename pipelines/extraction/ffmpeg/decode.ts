/**
 * The one file that runs ffmpeg (through fluent-ffmpeg): a media file in, sampled frames and samples out,
 * in one process that decodes the file once. Media are hostile input: only files, only container formats
 * that name no other file, limits on time, pixels and output.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import ffmpeg from 'fluent-ffmpeg';
import { ModalmixError } from '../../../schemas/errors.ts';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import {
  AUDIO_MARGIN_S,
  audioFilter,
  CONTAINERS,
  MAX_DECODED_PIXELS,
  mostPixels,
  needsStreamTimes,
  sampledTimes,
  segmentStart,
  SOUGHT_BLINDLY,
  videoFilter,
  type Decoded,
  type DecodeRequest,
  type InputFacts,
  type SegmentStart,
  type VideoRequest,
} from '../decode.ts';
import { ClipUnusable } from '../extractor.ts';
import { parsePpmStream } from './ppm.ts';
import { streamTimes } from './stream-times.ts';

const PPM_HEADER_BYTES = 64;
const LOG_LINES_KEPT = 400;

/** `Decode` by one ffmpeg process. */
export async function decodeMedia(request: DecodeRequest, signal?: AbortSignal): Promise<Decoded> {
  const scratch = await mkdtemp(join(tmpdir(), 'modalmix-extract-'));
  try {
    const inputs = await linkSources(request.inputs, scratch);
    const seek = segmentStart(request);
    const deadline = Date.now() + request.timeoutMs;
    const left = () => Math.max(1, deadline - Date.now());
    const { video: asked, ...rest } = request;
    const times =
      asked !== undefined && needsStreamTimes(asked, request)
        ? await streamTimes(inputs[asked.input] ?? '', left(), signal)
        : undefined;
    const video = asked && { ...sampledTimes(asked, request, times), input: asked.input };
    const linked = { ...rest, ...(video && { video }), inputs, scratch, seek };
    const decoded = await decodeLinked({ ...linked, timeoutMs: left() }, signal);
    const isBlind = decoded.inputs.some((facts) => SOUGHT_BLINDLY.includes(facts?.format ?? ''));
    if (seek.runUpUs === seek.startUs || !isBlind) return decoded;
    const fromBeginning = { ...seek, runUpUs: seek.startUs };
    return await decodeLinked({ ...linked, seek: fromBeginning, timeoutMs: left() }, signal);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** With inputs under names of ours, and an empty folder for this call's files. */
type LinkedRequest = Omit<DecodeRequest, 'video'> & {
  readonly video?: VideoRequest & { readonly input: number };
  readonly scratch: string;
  readonly seek: SegmentStart;
};

/** Theirs may begin with `-`, hold newlines, or look like an option; nothing of them reaches ffmpeg's parser or log. */
async function linkSources(sources: readonly string[], scratch: string): Promise<string[]> {
  const folder = join(scratch, 'in');
  await mkdir(folder);
  return await Promise.all(
    sources.map(async (source, i) => {
      const extension = /^\.[A-Za-z0-9]{1,8}$/u.exec(extname(source))?.[0] ?? '';
      const link = join(folder, `source-${String(i)}${extension}`);
      await symlink(resolve(source), link);
      return link;
    }),
  );
}

async function decodeLinked(request: LinkedRequest, signal?: AbortSignal): Promise<Decoded> {
  const audioFile = join(request.scratch, 'audio.f32');
  const sink = request.video === undefined ? undefined : new LimitedSink(pictureLimit(request.video));
  const run = await runCommand(buildCommand(request, sink, audioFile), sink, request.timeoutMs, signal);
  if (sink?.exceeded === true) {
    throw new ClipUnusable('too-large', 'its picture is larger than any video frame should be');
  }
  const samples = request.audio === undefined ? new Float32Array() : await readSamples(audioFile);
  return {
    pictures: parsePpmStream(sink?.bytes() ?? new Uint8Array()),
    samples,
    inputs: parseInputs(run.log, request.inputs.length),
    complete: run.exitCode === 0,
    complaint: complaintOf(run.log, request.scratch),
  };
}

/** Version of the ffmpeg that will be used, e.g. `5.1.9-0+deb12u1`. @throws ModalmixError `dependency` */
export async function ffmpegVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.env[ENVIRONMENT.ffmpeg] ?? 'ffmpeg', ['-version']);
    const version = /^ffmpeg version (\S+)/u.exec(stdout)?.[1];
    if (version !== undefined) return version;
    throw new Error('it does not print a version');
  } catch (error) {
    throw ffmpegMissing(error);
  }
}

function buildCommand(
  request: LinkedRequest,
  sink: LimitedSink | undefined,
  audioFile: string,
): ffmpeg.FfmpegCommand {
  const command = ffmpeg({ stdoutLines: 1 });
  const { startUs, runUpUs } = request.seek;
  const microseconds = (us: number) => (us / 1e6).toFixed(6);
  // The clock's zero is the segment's start; the filters trim what is decoded before it.
  const segment = [
    // Not to 0: an FLV that was probed does not find back to its beginning.
    ...(startUs === runUpUs ? [] : ['-noaccurate_seek', '-ss', microseconds(startUs - runUpUs)]),
    ...(runUpUs === 0 ? [] : ['-itsoffset', `-${microseconds(runUpUs)}`]),
  ];
  for (const input of request.inputs) {
    // More than one argument: fluent-ffmpeg then takes each as it is and splits none at spaces.
    command
      .input(`file:${input}`)
      .inputOptions(
        ...['-nostdin', '-hide_banner', '-nostats', '-protocol_whitelist', 'file,pipe'],
        ...['-format_whitelist', CONTAINERS, '-max_pixels', String(MAX_DECODED_PIXELS), '-threads', '1'],
        ...segment,
      );
  }
  if (request.video !== undefined && sink !== undefined) {
    command
      .output(sink)
      .outputOptions(
        ...['-map', `${String(request.video.input)}:V:0`, '-vf', videoFilter(request.video, request)],
        ...['-frames:v', String(request.video.frames), '-c:v', 'ppm', '-f', 'image2pipe'],
      );
  }
  if (request.audio !== undefined) {
    const seconds = request.audio.durationS + AUDIO_MARGIN_S;
    const bytes = Math.ceil((seconds + 1) * request.audio.sampleRateHz) * 4;
    command
      .output(audioFile)
      .outputOptions(
        ...['-map', `${String(request.audio.input)}:a:0`, '-af', audioFilter(request.audio, request)],
        ...['-t', String(seconds), '-fs', String(bytes), '-c:a', 'pcm_f32le', '-f', 'f32le'],
      );
  }
  return command;
}

function pictureLimit(video: VideoRequest): number {
  return video.frames * (mostPixels(video) * 3 + PPM_HEADER_BYTES);
}

/** Collects what ffmpeg writes, up to a limit. */
class LimitedSink extends Writable {
  readonly #chunks: Buffer[] = [];
  readonly #limit: number;
  #length = 0;
  exceeded = false;
  onExceeded: () => void = () => undefined;

  constructor(limit: number) {
    // fluent-ffmpeg takes `close` for a reader that went away, and kills a process that may be just ending.
    super({ emitClose: false, autoDestroy: false });
    this.#limit = limit;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#length += chunk.length;
    if (this.#length <= this.#limit) this.#chunks.push(chunk);
    else if (!this.exceeded) {
      this.exceeded = true;
      this.onExceeded();
    }
    done();
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}

/** Why we ended ffmpeg ourselves. */
type StopReason = 'timeout' | 'cancelled' | 'exceeded';

interface CommandRun {
  readonly exitCode: number;
  readonly log: readonly string[];
}

async function runCommand(
  command: ffmpeg.FfmpegCommand,
  sink: LimitedSink | undefined,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<CommandRun> {
  const log: string[] = [];
  const state: { started: boolean; stopped: StopReason | undefined } = { started: false, stopped: undefined };
  const stop = (why: StopReason) => {
    state.stopped ??= why;
    command.kill('SIGKILL');
  };
  const onAbort = () => {
    stop('cancelled');
  };
  const timer = setTimeout(() => {
    stop('timeout');
  }, timeoutMs);
  if (sink !== undefined) {
    sink.onExceeded = () => {
      stop('exceeded');
    };
  }
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const drained = sink === undefined ? undefined : new Promise((resolve) => sink.once('finish', resolve));
    const failure = await new Promise<Error | undefined>((resolve) => {
      command
        .on('start', () => {
          state.started = true;
          if (state.stopped !== undefined) command.kill('SIGKILL');
        })
        .on('stderr', (line: string) => {
          if (log.length < LOG_LINES_KEPT) log.push(line);
          else log[LOG_LINES_KEPT - 1] = line;
        })
        .on('end', () => {
          resolve(undefined);
        })
        .on('error', (error: Error) => {
          resolve(error);
        })
        .run();
    });
    if (state.started) await drained;
    return judgeRun(failure, state.started, state.stopped, log, timeoutMs);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function judgeRun(
  failure: Error | undefined,
  started: boolean,
  stopped: StopReason | undefined,
  log: readonly string[],
  timeoutMs: number,
): CommandRun {
  if (stopped === 'cancelled') throw new ModalmixError('cancelled', 'extraction was asked to stop');
  if (stopped === 'timeout') {
    const seconds = String(Math.round(timeoutMs / 1000));
    throw new ClipUnusable(
      'timeout',
      `not decoded within ${seconds} s; extraction.limits.clipTimeoutS raises the limit`,
    );
  }
  if (failure === undefined || stopped === 'exceeded') return { exitCode: 0, log };
  if (!started) throw ffmpegMissing(failure);
  const machine = log.find((line) =>
    /No space left on device|Too many open files|Resource temporarily unavailable/iu.test(line),
  );
  if (machine !== undefined) {
    throw new ModalmixError('transient', `ffmpeg could not work: ${machine.trim()}`, {
      where: 'ffmpeg',
      fix: 'Free what it ran out of; the extraction is tried again by itself.',
    });
  }
  const killedBy = /killed with signal (\w+)/u.exec(failure.message)?.[1];
  if (killedBy === 'SIGKILL' || killedBy === 'SIGTERM' || killedBy === 'SIGINT') {
    throw new ModalmixError('transient', `ffmpeg was ended from outside by ${killedBy}`, {
      where: 'ffmpeg',
      fix: 'If memory ran out, extract fewer clips at a time.',
    });
  }
  if (killedBy !== undefined) {
    throw new ClipUnusable('crashed', `ffmpeg crashed on it (${killedBy})`);
  }
  return { exitCode: Number(/exited with code (\d+)/u.exec(failure.message)?.[1] ?? 1), log };
}

function ffmpegMissing(cause: unknown): ModalmixError {
  return new ModalmixError('dependency', 'ffmpeg cannot be run', {
    where: process.env[ENVIRONMENT.ffmpeg] ?? 'ffmpeg',
    fix: `Install ffmpeg, or set ${ENVIRONMENT.ffmpeg} to its file; \`modalmix doctor\` tells more.`,
    cause,
  });
}

async function readSamples(file: string): Promise<Float32Array> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch {
    return new Float32Array();
  }
  await rm(file, { force: true });
  const samples = new Float32Array(Math.floor(bytes.length / 4));
  for (let i = 0; i < samples.length; i += 1) samples[i] = bytes.readFloatLE(4 * i);
  return samples;
}

/** Reads ffmpeg's description of its inputs, up to the first output or mapping. */
function parseInputs(log: readonly string[], count: number): (InputFacts | undefined)[] {
  const inputs: (InputFacts | undefined)[] = Array.from({ length: count }, () => undefined);
  let current = -1;
  for (const line of log) {
    if (/^(?:Stream mapping:|Output #)/u.test(line)) break;
    const opened = /^Input #(\d+), (.+), from /u.exec(line);
    if (opened !== null) {
      current = Number(opened[1]);
      inputs[current] = {
        format: opened[2] ?? '',
        hasVideo: false,
        audioCodec: undefined,
        durationS: undefined,
      };
    }
    const facts = inputs[current];
    if (facts === undefined) continue;
    const duration = /^ {2}Duration: (\d+):(\d\d):(\d\d\.\d\d),/u.exec(line);
    if (duration !== null) {
      const [, hours, minutes, seconds] = duration;
      const durationS = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
      inputs[current] = { ...facts, durationS };
    }
    const stream = /^ {2,4}Stream #\d+:\d+\S*: (Video|Audio): (\w+)/u.exec(line);
    if (stream?.[1] === 'Audio') {
      inputs[current] = { ...facts, audioCodec: facts.audioCodec ?? stream[2] };
    } else if (stream?.[1] === 'Video' && !line.includes('(attached pic)')) {
      inputs[current] = { ...facts, hasVideo: true };
    }
  }
  return inputs;
}

const COMPLAINT =
  /error|invalid|not found|no such|corrupt|truncat|could not|unable|denied|not supported|whitelist|does not contain|matches no/iu;

/** The last two complaints, without addresses and our own paths, which say nothing to a person. */
function complaintOf(log: readonly string[], scratch: string): string {
  const lines = log
    .filter((line) => COMPLAINT.test(line))
    .map((line) =>
      line
        .replace(/\[([^\]@]*?) @ 0x[0-9a-f]+\] ?/gu, '$1: ')
        .replaceAll(`file:${scratch}/`, '')
        .replaceAll(`${scratch}/`, '')
        .replace(/\bin\/source-\d+(?:\.\w+)?: /gu, '')
        .replace(/0x[0-9a-f]{6,}/gu, '…')
        .trim(),
    );
  return [...new Set(lines)].slice(-2).join('; ').slice(0, 300);
}
