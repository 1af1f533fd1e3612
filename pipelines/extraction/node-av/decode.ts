/**
 * Decodes with FFmpeg inside this process (node-av): no process start, and no work beyond the last wanted frame and
 * sample. It blocks, and hostile media may end the process: only `node-av-child.ts` calls it.
 */
import {
  beginsAfter,
  CLOCK_MAY_JUMP,
  needsStreamTimes,
  sampledTimes,
  samplesRead,
  type AudioRequest,
  type Decoded,
  type DecodeRequest,
  type InputFacts,
  type Part,
  type StreamTimes,
  type VideoRequest,
} from '../decode.ts';
import { audioFilter, lastFilter, mostPixels, sameViaPlanes, videoFilter } from '../filters.ts';
import { ClipUnusable } from '../extractor.ts';
import type { Picture } from '../ffmpeg/ppm.ts';
import { SoundTrack } from '../place-sound.ts';
import { NO_TIMESTAMP } from './clock.ts';
import type { Taker } from './frames.ts';
import { Input } from './input.ts';
import type { PictureTaker } from './selective.ts';

/** `Decode`, blocking; limits on time are the caller's. */
export function decodeInProcess(request: DecodeRequest): Decoded {
  const pictures: Picture[] = [];
  let sound: SoundTrack | undefined;
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
      const facts = input.facts();
      inputs.push(facts);
      if (request.audio?.input === index) sound = soundTrack(request.audio, facts);
      const problemOfReading = input.read(
        video !== undefined && request.video?.input === index
          ? pictureTaker(video, request, facts, pictures)
          : undefined,
        request.audio !== undefined && sound !== undefined
          ? sampleTaker(request.audio, request, sound)
          : undefined,
      );
      if (problemOfReading !== undefined) complaint = problemOfReading;
    } finally {
      input.close();
    }
  }
  const samples = sound?.samples() ?? new Float32Array();
  return { pictures, samples, inputs, complete: !inputs.includes(undefined), complaint };
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

function pictureTaker(video: VideoRequest, part: Part, facts: InputFacts, pictures: Picture[]): PictureTaker {
  const last: Taker['last'] = {
    frames: video.pairs ? 2 : 1,
    filters: (pixelFormat) => lastFilter(video, part, pictures[0], sameViaPlanes(pixelFormat)),
  };
  return {
    video,
    filters: (pixelFormat) => videoFilter(video, part, sameViaPlanes(pixelFormat)),
    ...(beginsAfter(part, facts) ? {} : { last }),
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

function soundTrack(audio: AudioRequest, { format }: InputFacts): SoundTrack {
  const clockMayJump = CLOCK_MAY_JUMP.includes(format);
  return new SoundTrack({ sampleRateHz: audio.sampleRateHz, wanted: samplesRead(audio), clockMayJump });
}

function sampleTaker(audio: AudioRequest, part: Part, sound: SoundTrack): Taker {
  return {
    filters: () => audioFilter(audio, part),
    take: (frame) => {
      const { pts, nbSamples } = frame;
      const bytes = frame.toBuffer();
      // Mono 32-bit floats, whose place in memory may be any.
      const samples = new Float32Array(new Uint8Array(bytes.subarray(0, 4 * nbSamples)).buffer);
      return sound.add({ at: pts === NO_TIMESTAMP ? undefined : Number(pts), samples });
    },
  };
}
