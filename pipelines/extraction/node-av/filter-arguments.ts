/** What FFmpeg's filters are told of the frames that they get. */
import { AV_FRAME_DATA_DISPLAYMATRIX } from 'node-av/constants';
import { avChannelLayoutDescribe, avGetPixFmtName, avGetSampleFmtName, type Frame } from 'node-av/lib';

const MOST_USUAL_CHANNELS = 8;

export function pixelFormatOf(frame: Frame): string {
  return avGetPixFmtName(frame.format as never) ?? '';
}

export function pictureArguments(frame: Frame): string {
  const { num, den } = frame.sampleAspectRatio;
  return [
    `video_size=${String(frame.width)}x${String(frame.height)}`,
    `pix_fmt=${pixelFormatOf(frame)}`,
    `pixel_aspect=${String(num)}/${String(den === 0 ? 1 : den)}`,
    `colorspace=${String(frame.colorSpace)}`,
    `range=${String(frame.colorRange)}`,
  ].join(':');
}

export function soundArguments(frame: Frame): string {
  const layout = frame.channelLayout;
  const { nbChannels } = layout;
  const name = avChannelLayoutDescribe(layout) ?? '';
  const named = layout.mask === 0n && !name.startsWith('ambisonic') ? undefined : name;
  // The usual layout of that many channels, where the file names none, and there is one.
  const usual =
    nbChannels > MOST_USUAL_CHANNELS ? `${String(nbChannels)} channels` : `${String(nbChannels)}c`;
  return [
    `sample_rate=${String(frame.sampleRate)}`,
    `sample_fmt=${avGetSampleFmtName(frame.format as never) ?? ''}`,
    `channel_layout=${named ?? usual}`,
  ].join(':');
}

/** Turns a picture as its display matrix says, by the same filters as the ffmpeg program. */
export function rotationFilters(frame: Frame): string[] {
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
