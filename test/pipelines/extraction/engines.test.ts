/** One suite for both engines: the same files give the same rows. */
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExtractedClip, Extractor } from '../../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../../pipelines/extraction/node-av/pool.ts';
import { logSpectrogram } from '../../../pipelines/extraction/spectrogram.ts';
import type { Clip } from '../../../schemas/clip.ts';
import { extractionConfigSchema } from '../../../schemas/config/extraction-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'modalmix-engines-'));
const config = extractionConfigSchema.parse({ video: { sampling: 'start', shortSide: 64 } });
const segments = extractionConfigSchema.parse({ video: { shortSide: 64, candidates: 3 } });
/** Magnitudes, not their logarithms: below this share of the loudest a decoder's rounding is all there is. */
const SOUND_TOLERANCE = 2e-3;
let program: Extractor;
let library: Extractor;

beforeAll(async () => {
  program = await createFfmpegExtractor();
  library = await createNodeAvExtractor();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);
const clip = (name: string, more: Partial<Clip> = {}): Clip => ({
  ...{ clipId: 'a', path: at(name), label: 0, split: 'train' },
  ...more,
});
function ffmpeg(...args: string[]): void {
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args]);
}
function picture(size = '98x74', rate = '25', seconds = 4): string[] {
  return ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${String(seconds)}`];
}
function tone(rateHz = 44_100, seconds = 4): string[] {
  const chirp = `0.4*sin(2*PI*t*(300+200*t))|0.2*sin(2*PI*1500*t)`;
  return ['-f', 'lavfi', '-i', `aevalsrc='${chirp}':s=${String(rateHz)}:d=${String(seconds)}`];
}
const X264 = ['-c:v', 'libx264', '-preset', 'veryfast'];

/** Largest difference of magnitude, as a share of the loudest. */
function soundDifference(a: ExtractedClip, b: ExtractedClip): number {
  const [x, y] = [a.audio?.data ?? new Float32Array(), b.audio?.data ?? new Float32Array()];
  expect(x.length).toBe(y.length);
  let [loudest, largest] = [0, 0];
  x.forEach((value, i) => {
    loudest = Math.max(loudest, Math.exp(value));
    largest = Math.max(largest, Math.abs(Math.exp(value) - Math.exp(y[i] ?? 0)));
  });
  return loudest === 0 ? 0 : largest / loudest;
}

const FILES: readonly (readonly [what: string, name: string, make: readonly string[]])[] = [
  ['h264 with B-frames and aac', 'a.mp4', [...picture(), ...tone(), ...X264, '-bf', '3', '-c:a', 'aac']],
  ['mpeg4 and mp3 in avi', 'b.avi', [...picture(), ...tone(), '-c:v', 'mpeg4', '-c:a', 'libmp3lame']],
  ['flv and mp3', 'c.flv', [...picture(), ...tone(), '-c:v', 'flv', '-c:a', 'libmp3lame']],
  [
    'vp9 and opus in webm',
    'd.webm',
    [
      ...picture(),
      ...tone(48_000),
      '-c:v',
      'libvpx-vp9',
      '-cpu-used',
      '8',
      '-deadline',
      'realtime',
      '-c:a',
      'libopus',
    ],
  ],
  [
    'mjpeg and 8 kHz pcm in mkv',
    'e.mkv',
    [...picture(), ...tone(), '-c:v', 'mjpeg', '-c:a', 'pcm_s16le', '-ar', '8000'],
  ],
  [
    '29.97 fps, mono',
    'f.mp4',
    [...picture('96x72', '30000/1001'), ...tone(), ...X264, '-c:a', 'aac', '-ac', '1'],
  ],
  ['5.1 sound', 'g.mov', [...picture(), ...tone(), ...X264, '-c:a', 'aac', '-ac', '6']],
  [
    'hevc',
    'h.mp4',
    [...picture(), ...tone(), '-c:v', 'libx265', '-x265-params', 'log-level=none', '-c:a', 'aac'],
  ],
  [
    'a variable rate',
    'i.mkv',
    [
      ...picture('96x72', '10'),
      ...[
        '-vf',
        "settb=1/1000,setpts='if(lt(N,10),N*50,500+(N-10)*190)'",
        '-fps_mode',
        'passthrough',
        ...X264,
      ],
    ],
  ],
  ['sound alone', 'j.wav', tone()],
  ['pictures alone', 'k.mp4', [...picture(), ...X264]],
  [
    'a clip of one second',
    'l.mp4',
    [...picture('98x74', '25', 1), ...tone(44_100, 1), ...X264, '-c:a', 'aac'],
  ],
  [
    'mpeg-ts, whose clock starts late',
    'm.ts',
    [...picture(), ...tone(), '-c:v', 'mpeg2video', '-c:a', 'mp2'],
  ],
  ['mpeg-ts with one keyframe', 'o.ts', [...picture(), ...tone(), ...X264, '-bf', '3', '-c:a', 'aac']],
  ['full-range 4:4:4', 'n.mkv', [...picture(), ...X264, '-pix_fmt', 'yuvj444p']],
];

/** Counted by FFmpeg 5 from the codec's delay of 7 ms before the first sample, by later ones from the sample. */
const OTHER_ZERO = ['d.webm'];

describe('both engines', () => {
  const bothOf = async (what: Clip, how = config) =>
    await Promise.all([program.extract(what, how), library.extract(what, how)]);

  test.each(FILES)('give the same frames and sound, of a part too: %s', async (_what, name, make) => {
    ffmpeg(...make, at(name));
    for (const [part, how] of [
      [{}, config],
      [{ startS: 0.64, endS: 2.9 }, config],
      [{}, segments],
      [{ startS: 0.64, endS: 2.9 }, segments],
    ] as const) {
      const [one, other] = await bothOf(clip(name, part), how);
      expect(other.missing).toEqual(one.missing);
      expect(other.rgb?.shape).toEqual(one.rgb?.shape);
      // Its middles lie within those 7 ms of the middle between two frames.
      if (how === segments && 'startS' in part && OTHER_ZERO.includes(name)) continue;
      expect(Buffer.compare(other.rgb?.data ?? Buffer.alloc(0), one.rgb?.data ?? Buffer.alloc(0))).toBe(0);
      if ('startS' in part && OTHER_ZERO.includes(name)) continue;
      expect(soundDifference(one, other)).toBeLessThan(SOUND_TOLERANCE);
    }
  });

  test('cut a part out of AAC and MP3 as if the whole file had been decoded', async () => {
    const rateHz = 44_100;
    const exact = { ...config, audio: { ...config.audio, sampleRateHz: rateHz, durationS: 1 } };
    for (const [name, codec] of [
      ['whole.m4a', 'aac'],
      ['whole.mp3', 'libmp3lame'],
    ] as const) {
      ffmpeg(...tone(rateHz), '-ac', '1', '-c:a', codec, at(name));
      ffmpeg('-i', at(name), '-c:a', 'pcm_f32le', '-f', 'f32le', at('whole.f32'));
      const whole = new Float32Array(new Uint8Array(readFileSync(at('whole.f32'))).buffer);
      const cut = whole.subarray(1.5 * rateHz, 2.5 * rateHz);
      const audio = logSpectrogram(cut, exact.audio);
      for (const engine of [program, library]) {
        const part = await engine.extract(clip(name, { startS: 1.5, endS: 2.5 }), exact);
        expect(soundDifference({ audio, missing: {} }, part), name).toBeLessThan(SOUND_TOLERANCE);
      }
    }
  });

  test('turn a rotated clip alike', async () => {
    ffmpeg(...picture(), ...X264, at('upright.mp4'));
    ffmpeg('-i', at('upright.mp4'), '-c', 'copy', '-metadata:s:v', 'rotate=90', at('turned.mp4'));
    const [one, other] = await bothOf(clip('turned.mp4'));
    expect(one.rgb?.shape.slice(0, 3)).toEqual([3, 84, 64]);
    expect(other.rgb).toEqual(one.rgb);
  });

  test('refuse what is no media, and use a cut-off file as far as it goes', async () => {
    writeFileSync(at('list.mp4'), `ffconcat version 1.0\nfile '${at('a.mp4')}'\n`);
    writeFileSync(at('empty.mp4'), '');
    ffmpeg(...picture(), ...tone(), '-c:v', 'mpeg4', '-c:a', 'libmp3lame', at('cut.avi'));
    truncateSync(at('cut.avi'), readFileSync(at('cut.avi')).length >> 1);
    for (const engine of [program, library]) {
      await expect(engine.extract(clip('list.mp4'), config)).rejects.toMatchObject({ code: 'unreadable' });
      await expect(engine.extract(clip('empty.mp4'), config)).rejects.toMatchObject({ code: 'empty' });
      const { rgb, audio } = await engine.extract(clip('cut.avi'), config);
      expect([rgb?.shape, audio?.shape]).toEqual([
        [3, 64, 84, 3],
        [257, 188],
      ]);
    }
  });
});

describe('the pool', () => {
  test('gives a clip up that takes too long, and goes on with the next', async () => {
    ffmpeg(...picture('640x480', '30', 20), '-c:v', 'libx264', '-preset', 'ultrafast', at('long.mp4'));
    const hurried = {
      ...config,
      video: { ...config.video, frames: 19 },
      limits: { ...config.limits, clipTimeoutS: 0.02 },
    };
    await expect(library.extract(clip('long.mp4'), hurried)).rejects.toMatchObject({ code: 'timeout' });
    expect((await library.extract(clip('a.mp4'), config)).missing).toEqual({});
  });

  test('stops at once when asked to', async () => {
    const stop = new AbortController();
    const slow = { ...config, video: { ...config.video, frames: 19 } };
    const running = library.extract(clip('long.mp4'), slow, stop.signal);
    setTimeout(() => {
      stop.abort();
    }, 20);
    await expect(running).rejects.toMatchObject({ kind: 'cancelled' });
  });

  test('takes a clip again whose process was killed, and gives it up when that happens twice', async () => {
    const slow = { ...config, video: { ...config.video, frames: 19 } };
    const undisturbed = await library.extract(clip('long.mp4'), slow);

    const disturbed = library.extract(clip('long.mp4'), slow);
    await killBusyChild();
    expect((await disturbed).rgb).toEqual(undisturbed.rgb);

    const doomed = library.extract(clip('long.mp4'), slow).catch((error: unknown) => error);
    const first = await killBusyChild();
    await killBusyChild(first);
    expect(await doomed).toMatchObject({
      code: 'crashed',
      message: expect.stringContaining('SIGKILL') as string,
    });
    expect((await library.extract(clip('long.mp4'), slow)).rgb).toEqual(undisturbed.rgb);
  });
});

/** Kills the process that decodes `long.mp4`, while it has it open. @returns its pid */
async function killBusyChild(notThis?: number): Promise<number> {
  for (;;) {
    const listed = readFileSync(`/proc/self/task/${String(process.pid)}/children`, 'utf8')
      .trim()
      .split(' ');
    const busy = listed.map(Number).find((pid) => pid > 0 && pid !== notThis && hasOpen(pid, 'long.mp4'));
    if (busy !== undefined) {
      process.kill(busy, 'SIGKILL');
      return busy;
    }
    await sleep(1);
  }
}

function hasOpen(pid: number, name: string): boolean {
  const folder = `/proc/${String(pid)}/fd`;
  try {
    return readdirSync(folder).some((fd) => readlinkSync(join(folder, fd)).endsWith(name));
  } catch {
    return false;
  }
}
