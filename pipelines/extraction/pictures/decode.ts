/** A still picture, or a folder of them, in a video's place: read by sharp, the same with every engine. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import sharp from 'sharp';
import {
  MAX_DECODED_PIXELS,
  type AskedVideo,
  type Decode,
  type Decoded,
  type InputFacts,
  type Part,
} from '../decode.ts';
import type { Picture } from '../ffmpeg/ppm.ts';
import { isPictureFile } from '../../datasets/media-files.ts';
import { picturesIn } from './picture-files.ts';

/** Whatever a file is called, libvips reads what is in it, and an SVG or a PDF may name other files. */
const READ = ['Jpeg', 'Png', 'Webp', 'Tiff', 'Nsgif', 'Heif'];
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: READ.map((format) => `VipsForeignLoad${format}`) });

/** Before what `decode` reads: a source that is a picture or a folder never reaches FFmpeg. */
export function withPictures(decode: Decode): Decode {
  return async (request, signal) => {
    const [path = ''] = request.inputs;
    const files = await sourcesOf(path);
    if (files === undefined) return await decode(request, signal);
    const { video, audio, ...rest } = request;
    const stills = video?.input === 0 ? await readPictures(files, video, request) : undefined;
    const facts: InputFacts = {
      format: 'pictures',
      hasVideo: true,
      videoCodecs: [],
      audioCodec: undefined,
      durationS: undefined,
    };
    const nothing = { pictures: [], samples: new Float32Array(), inputs: [], complete: true, complaint: '' };
    const sound: Decoded =
      audio !== undefined && audio.input > 0
        ? await decode(
            { ...rest, inputs: rest.inputs.slice(1), audio: { ...audio, input: audio.input - 1 } },
            signal,
          )
        : nothing;
    const complaint = [stills?.complaint ?? '', sound.complaint].filter((text) => text !== '').join('; ');
    return { ...sound, pictures: stills?.pictures ?? [], inputs: [facts, ...sound.inputs], complaint };
  };
}

/** @returns the pictures; undefined when the source is something else */
async function sourcesOf(path: string): Promise<string[] | undefined> {
  if (isPictureFile(path)) return [path];
  const facts = await stat(path).catch(() => undefined);
  return facts?.isDirectory() === true ? await picturesIn(path) : undefined;
}

/**
 * The sampled ones of the pictures, which are `picturesPerS` a second apart. A single picture is the clip's whole time.
 *
 * @returns numbers of `count` pictures, ascending, repeated where there are too few
 */
export function samplePictures(count: number, video: AskedVideo, { startS = 0, endS }: Part): number[] {
  const from = Math.min(count - 1, Math.max(0, Math.round(startS * video.picturesPerS)));
  const to =
    endS === undefined ? count : Math.min(count, Math.max(from + 1, Math.round(endS * video.picturesPerS)));
  const [there, wanted] = [to - from, video.frames * video.candidates];
  // Only the second of a pair, if there is another.
  const last = from + there - (video.pairs && there > 1 ? 2 : 1);
  return Array.from({ length: wanted }, (_, n) => {
    const at =
      video.sampling === 'start'
        ? Math.round((n * video.picturesPerS) / video.fps)
        : Math.floor(((n + 0.5) * there) / wanted);
    return Math.min(last, from + at);
  });
}

async function readPictures(
  files: readonly string[],
  video: AskedVideo,
  part: Part,
): Promise<Pick<Decoded, 'pictures' | 'complaint'>> {
  const read = new Map<number, Promise<Picture>>();
  const pictureAt = async (n: number): Promise<Picture> => {
    const reading = read.get(n) ?? readPicture(files[n] ?? '', video.shortSide);
    read.set(n, reading);
    return await reading;
  };
  const pictures: Picture[] = [];
  try {
    for (const n of samplePictures(files.length, video, part)) {
      const picture = await pictureAt(n);
      if (!video.pairs) pictures.push(picture);
      else if (n + 1 < files.length) pictures.push(onTop(picture, await pictureAt(n + 1)));
    }
  } catch (error) {
    return { pictures: [], complaint: error instanceof Error ? error.message : String(error) };
  }
  return { pictures, complaint: '' };
}

/** One below the other, as the engines give a pair. */
function onTop(upper: Picture, lower: Picture): Picture {
  if (upper.width !== lower.width || upper.height !== lower.height) {
    throw new Error('two pictures that follow each other have different sizes');
  }
  return { width: upper.width, height: 2 * upper.height, data: Buffer.concat([upper.data, lower.data]) };
}

/** Upright as its EXIF says, in sRGB; shorter side exact, the longer rounded down, as of a video's frames. */
async function readPicture(file: string, shortSide: number): Promise<Picture> {
  try {
    const upright = await sharp(file, { limitInputPixels: MAX_DECODED_PIXELS, failOn: 'error' })
      .rotate()
      .flatten()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = upright.info;
    const [w, h] =
      width <= height
        ? [shortSide, Math.trunc((shortSide * height) / width)]
        : [Math.trunc((shortSide * width) / height), shortSide];
    const { data, info } = await sharp(upright.data, { raw: { width, height, channels } })
      .resize({ width: w, height: h, fit: 'fill', kernel: 'cubic' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: w, height: h, data: info.channels === 1 ? threeTimes(data) : data };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`${basename(file)}: ${why ?? ''}`, { cause: error });
  }
}

/** Grey → red, green, blue. */
function threeTimes(grey: Uint8Array): Uint8Array {
  const data = new Uint8Array(3 * grey.length);
  for (let i = 0; i < grey.length; i += 1) data.fill(grey[i]!, 3 * i, 3 * i + 3);
  return data;
}
