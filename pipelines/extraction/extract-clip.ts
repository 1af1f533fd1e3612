/** One clip → its features, with whichever decoder: which streams are tried, what is missing, what fills the arrays. */
import { stat } from 'node:fs/promises';
import type { Clip } from '../../schemas/clip.ts';
import {
  hasNativeFlow,
  storedFrames,
  type ExtractionConfig,
} from '../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { MEDIA_MODALITIES, type MediaModality } from '../../schemas/modality.ts';
import { audioSamples } from '../../schemas/shard.ts';
import {
  ClipUnusable,
  type AudioFeature,
  type ExtractedClip,
  type MissingModality,
  type PictureFeature,
} from './extractor.ts';
import type { Decode, Decoded, DecodeRequest, Mix } from './decode.ts';
import { mixedOtherwise, samplesOf, type Part } from './judge-sound.ts';
import { flowBetween, opticalFlow } from './flow.ts';
import type { Picture } from './ffmpeg/ppm.ts';
import { disturbPictures, disturbSamples } from './disturb.ts';
import { spectrumOf } from './front-ends.ts';
import { PICTURE_KINDS, picturesIn, sourceStamp } from './pictures/picture-files.ts';
import { withPictures } from './pictures/decode.ts';
import { LFS_FIX, LFS_PROBLEM, isLfsPointer } from '../datasets/lfs-pointer.ts';
import { fitSamples } from './spectrogram.ts';

/** `Extractor.extract` with the given decoder, of media alone. */
export async function extractClip(
  decode: Decode,
  clip: Clip,
  config: ExtractionConfig,
  signal?: AbortSignal,
): Promise<ExtractedClip> {
  const audioFileProblem = await checkFiles(clip, config);
  return await assemble(
    clip,
    config,
    await decodeClip(withPictures(decode), clip, config, audioFileProblem, signal),
  );
}

/** @returns why a separate audio file cannot be used, if so. @throws ClipUnusable for the clip's own file */
async function checkFiles(clip: Clip, config: ExtractionConfig): Promise<MissingModality | undefined> {
  const limit = config.limits.clipMaxMiB * 2 ** 20;
  const problemOf = async (path: string): Promise<ClipUnusable | undefined> => {
    let size: number;
    try {
      const facts = await stat(path);
      if (facts.isDirectory() && path === clip.path) {
        const pictures = await picturesIn(path);
        if (pictures.length === 0)
          return new ClipUnusable('unreadable', `the folder holds no picture (${PICTURE_KINDS})`);
        [size] = await sourceStamp(path);
      } else if (facts.isFile()) size = facts.size;
      else return new ClipUnusable('unreadable', 'it is not a file');
    } catch (error) {
      return new ClipUnusable('missing-file', error instanceof Error ? error.message : String(error));
    }
    if (size === 0) return new ClipUnusable('empty', 'the file is empty');
    if (await isLfsPointer(path, size).catch(() => false))
      return new ClipUnusable('unreadable', `${LFS_PROBLEM}. ${LFS_FIX}`);
    if (size <= limit) return undefined;
    const mib = String(Math.ceil(size / 2 ** 20));
    return new ClipUnusable(
      'too-large',
      `${mib} MiB; extraction.limits.clipMaxMiB is ${String(config.limits.clipMaxMiB)}`,
    );
  };
  const problem = await problemOf(clip.path);
  if (problem !== undefined) throw problem;
  if (clip.audioPath === undefined || !config.modalities.includes('audio')) return undefined;
  const audioProblem = await problemOf(clip.audioPath);
  return audioProblem === undefined
    ? undefined
    : { code: 'undecodable', reason: `its audio file: ${audioProblem.message}` };
}

/** A sampled frame, and where flow is wanted the file's next one. */
interface Shot extends Picture {
  readonly next?: Uint8Array;
}

type DecodedShots = Omit<Decoded, 'pictures'> & { readonly pictures: readonly Shot[] };

/** The upper half of a pair is the frame, the lower the next. */
function shotOf({ width, height, data }: Picture): Shot {
  const half = data.length / 2;
  return { width, height: height / 2, data: data.subarray(0, half), next: data.subarray(half) };
}

interface DecodedClip {
  readonly pictures: Part<readonly Shot[]>;
  readonly samples: Part<Float32Array>;
}

/**
 * One run of the decoder for all modalities. Only when that fails (a stream that is not there, or that no decoder
 * takes, ends the whole run) each is tried alone, so that one bad stream costs only its own modality.
 */
async function decodeClip(
  decodeMedia: Decode,
  clip: Clip,
  config: ExtractionConfig,
  audioFileProblem: MissingModality | undefined,
  signal: AbortSignal | undefined,
): Promise<DecodedClip> {
  // Whole milliseconds, as timers of processes want them.
  const deadline = performance.now() + Math.ceil(config.limits.clipTimeoutS * 1000);
  const wantsVideo = config.modalities.some((name) => name === 'rgb' || name === 'flow');
  const wantsAudio = config.modalities.includes('audio') && audioFileProblem === undefined;
  const sources = [clip.path, ...(clip.audioPath === undefined ? [] : [clip.audioPath])];
  const decode = async (video: boolean, audio: boolean, mix: Mix = 'usual'): Promise<DecodedShots> => {
    // A source that is not wanted is not opened: it could only fail.
    const used = [...new Set([...(video ? [0] : []), ...(audio ? [sources.length - 1] : [])])];
    const audioInput = used.indexOf(sources.length - 1);
    const request: DecodeRequest = {
      inputs: used.map((i) => sources[i] ?? ''),
      ...(video ? { video: { ...config.video, pairs: hasNativeFlow(config), input: 0 } } : {}),
      ...(audio ? { audio: { ...config.audio, mix, input: audioInput } } : {}),
      ...(clip.startS === undefined ? {} : { startS: clip.startS }),
      ...(clip.endS === undefined ? {} : { endS: clip.endS }),
      timeoutMs: Math.max(1, Math.ceil(deadline - performance.now())),
      memoryMiB: config.limits.clipMemoryMiB,
    };
    const decoded = await decodeMedia(request, signal);
    if (request.video?.pairs !== true) return decoded;
    if (decoded.pictures.length > 0) return { ...decoded, pictures: decoded.pictures.map(shotOf) };
    if (decoded.inputs[0]?.hasVideo !== true) return decoded;
    // Perhaps it has a single frame: that is a picture, though no motion.
    const { audio: _audio, ...pictures } = request;
    const single = { ...pictures, inputs: used.slice(0, 1).map((i) => sources[i] ?? '') };
    const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
    const alone = await decodeMedia(
      { ...single, video: { ...request.video, pairs: false }, timeoutMs },
      signal,
    );
    return { ...decoded, pictures: alone.pictures };
  };
  const none = { missing: audioFileProblem ?? { code: 'no-stream', reason: 'not asked for' } } as const;
  if (!wantsVideo && !wantsAudio) return { pictures: none, samples: none };

  const first = await decode(wantsVideo, wantsAudio);
  const videoFacts = wantsVideo ? first.inputs[0] : undefined;
  const audioFacts = first.inputs.at(-1);
  const bothWanted = wantsVideo && wantsAudio;
  // Of two files, a broken first one keeps ffmpeg from opening the second.
  const apart = bothWanted && sources.length > 1;
  if (!apart && first.inputs.every((facts) => facts === undefined)) {
    throw new ClipUnusable(
      'unreadable',
      first.complaint === '' ? 'no media format is recognised' : first.complaint,
    );
  }
  const noVideo = videoFacts !== undefined && !videoFacts.hasVideo;
  const noAudio = audioFacts !== undefined && audioFacts.audioCodec === undefined;
  const isEnough = first.complete || !bothWanted;
  const pictures = noVideo || isEnough ? first : await decode(true, false);
  const sound = noAudio || isEnough ? first : await decode(false, true);
  return {
    pictures: wantsVideo ? picturesOf(pictures, noVideo) : none,
    samples: wantsAudio
      ? await mixedOtherwise(samplesOf(sound, clip, config, noAudio), audioFacts?.audioLayout, async (mix) =>
          samplesOf(await decode(false, true, mix), clip, config, false),
        )
      : none,
  };
}

function picturesOf(decoded: DecodedShots, noStream: boolean): Part<readonly Shot[]> {
  if (noStream) return { missing: { code: 'no-stream', reason: 'there is no video stream' } };
  const [first] = decoded.pictures;
  if (first === undefined) {
    return {
      missing: { code: 'undecodable', reason: `no frame could be decoded. ${decoded.complaint}`.trim() },
    };
  }
  // A stream may change its size midway; a row has one.
  return {
    value: decoded.pictures.filter(({ width, height }) => width === first.width && height === first.height),
  };
}

async function assemble(clip: Clip, config: ExtractionConfig, decoded: DecodedClip): Promise<ExtractedClip> {
  const missing: Partial<Record<MediaModality, MissingModality>> = {};
  const wanted = MEDIA_MODALITIES.filter((name) => config.modalities.includes(name));
  const { pictures, samples } = decoded;
  const frames =
    pictures.value === undefined ? undefined : stackFrames(pictures.value, storedFrames(config.video));
  let flow: PictureFeature | undefined;
  if (wanted.includes('flow') && frames !== undefined) {
    flow = await flowOf(pictures.value ?? [], frames, config);
    if (flow === undefined) {
      missing.flow = {
        code: 'too-short',
        reason: 'only one frame could be sampled, so there is no motion to see',
      };
    }
  }
  if (samples.missing !== undefined && wanted.includes('audio')) missing.audio = samples.missing;
  if (pictures.missing !== undefined) {
    if (wanted.includes('rgb')) missing.rgb = pictures.missing;
    if (wanted.includes('flow')) missing.flow = pictures.missing;
  }
  if (wanted.every((name) => missing[name] !== undefined)) throw nothingUsable(wanted, missing);
  return {
    ...(samples.value !== undefined && wanted.includes('audio')
      ? { audio: audioFeature(samples.value, clip, config) }
      : {}),
    ...(frames !== undefined && wanted.includes('rgb') ? { rgb: disturbedFrames(frames, clip, config) } : {}),
    ...(flow === undefined ? {} : { flow }),
    missing,
  };
}

function audioFeature(samples: Float32Array, { clipId }: Clip, config: ExtractionConfig): AudioFeature {
  const { audio, disturb } = config;
  const fitted = fitSamples(samples, audioSamples(audio), audio.fit);
  if (disturb?.audio !== undefined) {
    const own = Math.min(samples.length, fitted.length);
    disturbSamples(fitted, own, disturb.audio.snrDb, disturb.seed, clipId);
  }
  return spectrumOf(fitted, audio);
}

/** @returns undefined when there are not two frames */
async function flowOf(
  shots: readonly Shot[],
  frames: PictureFeature,
  { video, flow }: ExtractionConfig,
): Promise<PictureFeature | undefined> {
  if (flow.neighbours === 'sampled') {
    if (video.frames < 2) {
      throw new ModalmixError('config', 'optical flow needs at least two frames', {
        where: 'extraction.video.frames',
        fix: 'Set it to 2 or more, or extraction.flow.neighbours to native.',
      });
    }
    return shots.length < 2 ? undefined : await opticalFlow(frames, flow.boundPx);
  }
  const pairs = shots.flatMap(({ data, next }) => (next === undefined ? [] : [[data, next] as const]));
  const [, height, width] = frames.shape;
  if (pairs.length === 0) return undefined;
  const fields = await flowBetween(pairs, height, width, flow.boundPx);
  return repeatLast(fields, frames.shape[0]);
}

/** In place: flow was taken from the frames before. */
function disturbedFrames(frames: PictureFeature, { clipId }: Clip, { disturb }: ExtractionConfig) {
  if (disturb?.rgb !== undefined) disturbPictures(frames.data, disturb.rgb.deviation, disturb.seed, clipId);
  return frames;
}

/** [T, H, W, 3]; a clip that ends early repeats its last frame. */
function stackFrames(pictures: readonly Picture[], count: number): PictureFeature {
  const width = pictures[0]?.width ?? 0;
  const height = pictures[0]?.height ?? 0;
  const bytes = width * height * 3;
  const taken = Math.min(count, pictures.length);
  const data = new Uint8Array(taken * bytes);
  for (let t = 0; t < taken; t += 1) data.set(pictures[t]!.data, t * bytes);
  return repeatLast({ data, shape: [taken, height, width, 3] }, count);
}

/** As many of a kind as are wanted. */
function repeatLast({ data, shape }: PictureFeature, count: number): PictureFeature {
  const [own, height, width, channels] = shape;
  if (own === count) return { data, shape };
  const bytes = height * width * channels;
  const all = new Uint8Array(count * bytes);
  all.set(data.subarray(0, Math.min(own, count) * bytes));
  const last = data.subarray((own - 1) * bytes, own * bytes);
  for (let t = own; t < count; t += 1) all.set(last, t * bytes);
  return { data: all, shape: [count, height, width, channels] };
}

function nothingUsable(
  wanted: readonly MediaModality[],
  missing: Readonly<Partial<Record<MediaModality, MissingModality>>>,
): ClipUnusable {
  const code = wanted.every((name) => missing[name]?.code === 'no-stream') ? 'no-streams' : 'nothing-usable';
  const reasons = wanted.map((name) => `${name}: ${missing[name]?.reason ?? ''}`);
  return new ClipUnusable(code, reasons.join('; '));
}
