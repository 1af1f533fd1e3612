/**
 * Decodes with the ffmpeg program (through fluent-ffmpeg): a media file in, sampled frames and samples out, in one process
 * that decodes the file once; short and odd files need another. Media are hostile input: only files, only container formats
 * that name no other file, limits on time, memory, pixels and output.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import ffmpeg from 'fluent-ffmpeg';
import { ENVIRONMENT } from '../../../schemas/names.ts';
import {
  AUDIO_MARGIN_S,
  beginsAfter,
  CLOCK_MAY_JUMP,
  CONTAINERS,
  filmAmong,
  MAX_FILM_PIXELS,
  needsStreamTimes,
  sampledTimes,
  samplesRead,
  segmentStart,
  type Decoded,
  type DecodeRequest,
  type VideoRequest,
} from '../decode.ts';
import { audioFilter, lastFilter, mostPixels, videoFilter } from '../filters.ts';
import { ClipUnusable } from '../extractor.ts';
import { SoundTrack, type TimedSamples } from '../place-sound.ts';
import { confineCommand } from './confined-command.ts';
import { PictureSink } from './picture-sink.ts';
import type { Picture } from './ppm.ts';
import { complaintOf, parseInputs } from './read-log.ts';
import { ffmpegMissing, runCommand, type CommandRun } from './run-command.ts';
import { isZeroMoved, longerRunUp, type LinkedRequest } from './seek.ts';
import { streamTimes } from './stream-times.ts';
import { readTimedSamples, soundFiles, soundOutput } from './timed-samples.ts';

const PPM_HEADER_BYTES = 64;
const PIPE_BYTES = 2 ** 20;
/** Sound that ends this much before its file may go on later. */
const SHORTEST_REST_S = 0.3;

/** Less than any clock of such containers counts: an offset that is a file's beginning to the dot is taken for ffmpeg's own. */
const OTHER_OFFSET_US = 1;

/** `Decode` by one ffmpeg process, or a few. */
export async function decodeMedia(request: DecodeRequest, signal?: AbortSignal): Promise<Decoded> {
  return await decodeStream(request, 0, signal);
}

/** @param stream which of the file's video streams */
async function decodeStream(request: DecodeRequest, stream: number, signal?: AbortSignal): Promise<Decoded> {
  const scratch = await mkdtemp(join(tmpdir(), 'modalmix-extract-'));
  try {
    const inputs = await linkSources(request.inputs, scratch);
    const seek = segmentStart(request);
    const deadline = performance.now() + request.timeoutMs;
    const left = () => Math.max(1, Math.ceil(deadline - performance.now()));
    const { video: asked, ...rest } = request;
    const times =
      asked !== undefined && needsStreamTimes(asked, request)
        ? await streamTimes(
            inputs[asked.input] ?? '',
            { stream, timeoutMs: left(), memoryMiB: request.memoryMiB },
            signal,
          )
        : undefined;
    const video = asked && { ...sampledTimes(asked, request, times), input: asked.input, stream };
    const linked: LinkedRequest = { ...rest, ...(video && { video }), inputs, scratch, seek, left };
    const decoded = await decodeLinked(linked, signal);
    const film = asked === undefined ? 0 : filmAmong(decoded.inputs[asked.input]?.videoCodecs ?? []);
    if (film !== stream) return await decodeStream({ ...request, timeoutMs: left() }, film, signal);
    const runUpUs =
      seek.runUpUs < seek.startUs ? await longerRunUp(linked, decoded.inputs, signal) : undefined;
    if (runUpUs === undefined && !isZeroMoved(linked, decoded.inputs))
      return await completed(linked, decoded, signal);
    const clockUs = decoded.inputs.map((facts) => facts?.beginsUs ?? 0);
    const further = { ...linked, seek: { ...seek, runUpUs: runUpUs ?? seek.runUpUs }, clockUs };
    return await completed(further, await decodeLinked(further, signal), signal);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

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

/** What one run gave, before what is missing at its end is looked for. */
interface FirstRun extends Omit<Decoded, 'samples'> {
  readonly pieces: readonly TimedSamples[];
  /** They cannot be trusted. */
  readonly noPictures: boolean;
}

async function decodeLinked(request: LinkedRequest, signal?: AbortSignal): Promise<FirstRun> {
  const { video, audio, scratch } = request;
  const sink = video === undefined ? undefined : new PictureSink({ bytes: pictureLimit(video), keep: 'all' });
  const command = ffmpegCommand(request);
  if (video !== undefined && sink !== undefined) {
    const frames = ['-frames:v', String(video.frames)];
    addPictures(command, sink, video, [videoFilter(video, request), ...frames]);
  }
  const files = soundFiles(scratch);
  if (audio !== undefined) {
    const { target, args } = soundOutput(files);
    const until = ['-t', String(audio.durationS + AUDIO_MARGIN_S)];
    const map = ['-map', `${String(audio.input)}:a:0`, '-af', audioFilter(audio, request)];
    command.output(target).outputOptions(...map, ...until, ...args);
  }
  const run = await runWithin(request, command, sink, signal);
  const noPictures = turnsAndChanges(run.log);
  return {
    pictures: noPictures ? [] : (sink?.pictures() ?? []),
    noPictures,
    pieces: audio === undefined ? [] : await readTimedSamples(files),
    inputs: parseInputs(run.log, request.inputs.length),
    complete: run.exitCode === 0,
    complaint: noPictures
      ? 'its picture is turned and changes its size midway, which the ffmpeg program cannot follow'
      : complaintOf(run.log, scratch),
  };
}

/** What turns a picture, before our filters, relies on its size, and reads beyond it where it changes. */
function turnsAndChanges(log: readonly string[]): boolean {
  const says = (text: string) => log.some((line) => line.includes(text));
  return says('displaymatrix: rotation') && says('Changing video frame properties on the fly');
}

async function completed(
  request: LinkedRequest,
  { pieces, ...first }: FirstRun,
  signal?: AbortSignal,
): Promise<Decoded> {
  const { inputs, complete, complaint } = first;
  const pictures = await withLastPicture(request, first, signal);
  const samples = await placed(request, first, pieces, signal);
  return { inputs, complete, complaint, pictures, samples };
}

/** See `lastFilter`. */
async function withLastPicture(
  request: LinkedRequest,
  { pictures, noPictures, inputs }: Omit<FirstRun, 'pieces'>,
  signal?: AbortSignal,
): Promise<readonly Picture[]> {
  const { video } = request;
  if (video === undefined || noPictures || pictures.length >= video.frames) return pictures;
  const facts = inputs[video.input];
  if (facts?.hasVideo !== true || beginsAfter(request, facts)) return pictures;
  const limit = pictureLimit({ ...video, frames: 1 }) + PIPE_BYTES;
  const sink = new PictureSink({ bytes: limit, keep: 'last' });
  const command = ffmpegCommand(request);
  addPictures(command, sink, video, [lastFilter(video, request, pictures[0]), '-vsync', 'passthrough']);
  await runWithin(request, command, sink, signal);
  return [...pictures, ...sink.pictures()];
}

/** The sound that is wanted: each piece at its time. */
async function placed(
  request: LinkedRequest,
  { inputs }: Omit<FirstRun, 'pieces'>,
  pieces: readonly TimedSamples[],
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { audio } = request;
  if (audio === undefined) return new Float32Array();
  const { format = '', durationS } = inputs[audio.input] ?? {};
  const { sampleRateHz } = audio;
  const wanted = samplesRead(audio);
  const track = new SoundTrack({
    ...{ sampleRateHz, wanted },
    clockMayJump: CLOCK_MAY_JUMP.includes(format),
  });
  for (const piece of pieces) if (track.add(piece)) break;
  const there = track.samples().length;
  const restS = (request.endS ?? durationS ?? 0) - (request.startS ?? 0) - there / sampleRateHz;
  if (there > 0 && there < wanted && restS > SHORTEST_REST_S) {
    // Perhaps its next sound begins after what was read: there is silence before it, then, and no end.
    const next = await nextSoundS(request, there / sampleRateHz, signal);
    if (next !== undefined) track.add({ at: Math.round(next * sampleRateHz), samples: new Float32Array() });
  }
  return track.samples();
}

/** @returns when the first sound at or after a time begins, in seconds from the part's start */
async function nextSoundS(
  request: LinkedRequest,
  fromS: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const { audio, scratch } = request;
  if (audio === undefined) return undefined;
  const command = ffmpegCommand(request);
  const files = soundFiles(scratch);
  const { target, args } = soundOutput(files);
  const filter = `${audioFilter(audio, request)},aselect='gte(t,${String(fromS)})'`;
  const map = ['-map', `${String(audio.input)}:a:0`, '-af', filter, '-frames:a', '1'];
  command.output(target).outputOptions(...map, ...args);
  await runWithin(request, command, undefined, signal);
  const [first] = await readTimedSamples(files);
  return first?.at === undefined ? undefined : first.at / audio.sampleRateHz;
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

/** With its inputs alone. */
function ffmpegCommand(request: LinkedRequest): ffmpeg.FfmpegCommand {
  const command = confineCommand(ffmpeg({ stdoutLines: 1 }), request.timeoutMs);
  const { startUs, runUpUs } = request.seek;
  const microseconds = (us: number) => (us / 1e6).toFixed(6);
  const seek =
    // Not to 0: an FLV that was probed does not find back to its beginning.
    startUs === runUpUs ? [] : ['-noaccurate_seek', '-ss', microseconds(startUs - runUpUs)];
  // The clock's zero is the segment's start; the filters trim what is decoded before it.
  const offset = (us: number) => (us === 0 ? [] : ['-itsoffset', microseconds(-us)]);
  const { clockUs } = request;
  for (const [n, input] of request.inputs.entries()) {
    // More than one argument: fluent-ffmpeg then takes each as it is and splits none at spaces.
    command.input(`file:${input}`).inputOptions(
      ...['-nostdin', '-hide_banner', '-nostats', '-protocol_whitelist', 'file,pipe'],
      ...['-format_whitelist', CONTAINERS, '-max_pixels', String(MAX_FILM_PIXELS), '-threads', '1'],
      // Filters that were made anew for pictures of another size would count frames from the beginning again.
      ...['-reinit_filter:v', '0'],
      ...(clockUs === undefined
        ? [...seek, ...offset(runUpUs)]
        : ['-copyts', ...seek, ...offset((clockUs[n] ?? 0) + (startUs || OTHER_OFFSET_US))]),
    );
  }
  return command;
}

function addPictures(
  command: ffmpeg.FfmpegCommand,
  sink: PictureSink,
  { input, stream }: { readonly input: number; readonly stream: number },
  [filter = '', ...options]: readonly string[],
): void {
  const output = ['-c:v', 'ppm', '-f', 'image2pipe'];
  command
    .output(sink)
    .outputOptions('-map', `${String(input)}:V:${String(stream)}`, '-vf', filter, ...options, ...output);
}

async function runWithin(
  request: LinkedRequest,
  command: ffmpeg.FfmpegCommand,
  sink: PictureSink | undefined,
  signal: AbortSignal | undefined,
): Promise<CommandRun> {
  const { audio, scratch, memoryMiB } = request;
  const limits = { timeoutMs: request.left(), memoryMiB };
  // Twice what is wanted: pieces overlap where a clock was set back.
  const file = audio && { path: soundFiles(scratch).samples, bytes: 8 * samplesRead(audio) };
  const run = await runCommand(command, sink, { ...limits, ...(file && { file }) }, signal);
  if (sink?.exceeded !== true) return run;
  throw new ClipUnusable('too-large', 'its picture is larger than any video frame should be');
}

function pictureLimit(video: VideoRequest): number {
  return video.frames * (mostPixels(video) * 3 + PPM_HEADER_BYTES);
}
