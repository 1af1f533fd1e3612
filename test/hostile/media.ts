/** Mutated media of each container, through both extraction engines: a bad clip costs itself, and nothing else is read. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import pLimit from 'p-limit';
import { ClipUnusable, type ExtractedClip, type Extractor } from '../../pipelines/extraction/extractor.ts';
import { createFfmpegExtractor } from '../../pipelines/extraction/ffmpeg/extractor.ts';
import { createNodeAvExtractor } from '../../pipelines/extraction/node-av/pool.ts';
import { ffmpegPath } from '../../pipelines/process/ffmpeg-path.ts';
import type { Clip } from '../../schemas/clip.ts';
import { extractionConfigSchema } from '../../schemas/config/extraction-config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { mutatedBytes } from './mutate-bytes.ts';

const SIZE = 'testsrc2=size=64x48:rate=10:duration=1';
const FILM = ['-f', 'lavfi', '-i', SIZE];
const SOUND = ['-f', 'lavfi', '-i', 'sine=440:duration=1:sample_rate=22050'];
const BOTH = [...FILM, ...SOUND];

/** By file name: how ffmpeg makes it. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'a.mp4': [...BOTH, '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac'],
  'fragmented.mp4': [...BOTH, '-c:v', 'mpeg4', '-c:a', 'aac', '-movflags', 'frag_keyframe+empty_moov'],
  'a.mov': [...BOTH, '-c:v', 'mjpeg', '-c:a', 'pcm_s16le'],
  'a.mkv': [...BOTH, '-c:v', 'ffv1', '-c:a', 'flac'],
  'a.webm': [...BOTH, '-c:v', 'libvpx', '-deadline', 'realtime', '-c:a', 'libopus'],
  'a.avi': [...BOTH, '-c:v', 'mpeg4', '-c:a', 'mp3'],
  'a.ts': [...BOTH, '-c:v', 'mpeg2video', '-c:a', 'mp2'],
  'a.mpg': [...BOTH, '-c:v', 'mpeg1video', '-r', '25', '-c:a', 'mp2'],
  'a.flv': [...BOTH, '-c:v', 'flv', '-c:a', 'mp3'],
  'a.ogg': [...SOUND, '-c:a', 'libvorbis'],
  'a.wav': [...SOUND, '-c:a', 'adpcm_ms'],
  'a.mp3': [...SOUND, '-c:a', 'mp3'],
  'a.flac': [...SOUND, '-c:a', 'flac'],
  'a.gif': [...FILM],
  'a.jpg': [...FILM, '-frames:v', '1'],
  'a.png': [...FILM, '-frames:v', '1'],
  'a.webp': [...FILM, '-frames:v', '1', '-c:v', 'libwebp'],
  'a.tiff': [...FILM, '-frames:v', '1'],
};

export interface MediaOptions {
  readonly seed: number;
  /** Mutated files of each engine, in all. */
  readonly inputs: Readonly<Record<EngineName, number>>;
  readonly say: (line: string) => void;
}
type EngineName = 'node-av' | 'ffmpeg';

export interface MediaFigures {
  /** By engine and file name: how each ended. */
  readonly ends: Readonly<Record<string, Record<string, number>>>;
  readonly faults: readonly string[];
  /** Questions that anybody asked our server, while files named it. */
  readonly asked: number;
}

const LIMITS = { clipTimeoutS: 20, clipMemoryMiB: 1_024 };
const AT_A_TIME = 2;
const BATCH = 25;

export async function tryHostileMedia({ seed, inputs, say }: MediaOptions): Promise<MediaFigures> {
  const work = mkdtempSync(join(tmpdir(), 'modalmix-hostile-media-'));
  const config = extractionConfigSchema.parse({ video: { shortSide: 32, frames: 2 }, limits: LIMITS });
  const clip = (path: string): Clip => ({ clipId: 'a', path, label: 0, split: 'train' });
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const files = makeFiles(join(work, 'whole'));
    const engines: Readonly<Record<EngineName, Extractor>> = {
      'node-av': await createNodeAvExtractor(),
      ffmpeg: await createFfmpegExtractor(),
    };
    const ends: Record<string, Record<string, number>> = {};
    const faults: string[] = [];
    const good = join(work, 'whole', 'a.mp4');
    for (const [name, engine] of Object.entries(engines) as [EngineName, Extractor][]) {
      // On a busy machine a whole clip may take longer than the limit too; a child that is broken stays so.
      const extractGood = async () =>
        digestOf(await withTries(async () => await engine.extract(clip(good), config)));
      const expected = await extractGood();
      const extract = async (file: string, path: string): Promise<string> => {
        const end = await endOf(engine.extract(clip(path), config));
        const counts = (ends[`${name} ${file}`] ??= {});
        counts[end.slice(0, 60)] = (counts[end.slice(0, 60)] ?? 0) + 1;
        return end;
      };
      const tried = Object.keys(files);
      const each = Math.ceil(inputs[name] / tried.length);
      for (const [place, file] of tried.entries()) {
        const mutated = fc.sample(mutatedBytes([files[file]!]), { seed: seed + place, numRuns: each });
        for (let from = 0; from < mutated.length; from += BATCH) {
          const limit = pLimit(AT_A_TIME);
          const batch = mutated.slice(from, from + BATCH).map((bytes, i) => {
            const path = join(work, `${String(i)}-${file}`);
            writeFileSync(path, bytes);
            return limit(async () => ({ end: await extract(file, path), bytes, input: from + i }));
          });
          for (const { end, bytes, input } of await Promise.all(batch)) {
            if (!end.startsWith('FAULT')) continue;
            const kept = join(tmpdir(), `modalmix-fault-${String(seed)}-${String(input)}-${file}`);
            writeFileSync(kept, bytes);
            faults.push(`${name}, ${file}, input ${String(input)}: ${end} (${kept})`);
          }
          // Whoever was hurt is replaced, and gives the same.
          if ((await extractGood()) !== expected) faults.push(`${name}: a good clip differs after ${file}`);
        }
        say(`${name} ${file}: ${JSON.stringify(ends[`${name} ${file}`] ?? {})}`);
      }
      const { port } = server.address() as AddressInfo;
      for (const [file, path] of Object.entries(pointers(join(work, 'pointers'), good, port))) {
        const end = await extract(`pointer ${file}`, path);
        if (end === 'used') faults.push(`${name}: what ${file} points to was read`);
      }
    }
    return { ends, faults, asked };
  } finally {
    server.close();
    rmSync(work, { recursive: true, force: true });
  }
}

/** @throws what the last of three tries throws */
async function withTries<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === 3 || !(error instanceof ClipUnusable && error.code === 'timeout')) throw error;
    }
  }
}

async function endOf(extracting: Promise<ExtractedClip>): Promise<string> {
  try {
    await extracting;
    return 'used';
  } catch (error) {
    if (error instanceof ClipUnusable) return error.code;
    const kind = error instanceof ModalmixError ? error.kind : 'raw';
    return `FAULT ${kind}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function digestOf({ audio, rgb, missing }: ExtractedClip): string {
  return JSON.stringify([rgb && Buffer.from(rgb.data).toString('base64'), audio?.data.length, missing]);
}

function makeFiles(folder: string): Readonly<Record<string, Buffer>> {
  mkdirSync(folder);
  return Object.fromEntries(
    Object.entries(KINDS).map(([name, args]) => {
      const file = join(folder, name);
      execFileSync(ffmpegPath(), ['-nostdin', '-v', 'error', '-y', ...args, file]);
      return [name, readFileSync(file)];
    }),
  );
}

/** Files that hold nothing but the place of another one: a clip beside them, or an address. @returns their paths by name */
function pointers(folder: string, target: string, port: number): Record<string, string> {
  mkdirSync(folder, { recursive: true });
  const url = `http://127.0.0.1:${String(port)}/a.mp4`;
  const texts: Record<string, string> = {};
  for (const [what, place] of [
    ['file', target],
    ['url', url],
  ] as const) {
    const hls = `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n${place}\n#EXT-X-ENDLIST\n`;
    const dash = `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${place}</BaseURL></Representation></AdaptationSet></Period></MPD>`;
    for (const end of ['mp4', 'm3u8', 'mkv', 'mp3']) texts[`hls-${what}.${end}`] = hls;
    for (const end of ['mp4', 'mpd']) texts[`dash-${what}.${end}`] = dash;
    for (const end of ['mp4', 'avi'])
      texts[`concat-${what}.${end}`] = `ffconcat version 1.0\nfile '${place}'\nduration 1\n`;
    texts[`playlist-${what}.mp4`] = `[playlist]\nFile1=${place}\n`;
    texts[`sdp-${what}.mp4`] =
      `v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${String(port)} RTP/AVP 96\na=rtpmap:96 H264/90000\n`;
    texts[`movie-${what}.mp4`] = `;FFMETADATA1\ntitle=${place}\n`;
    texts[`subtitles-${what}.mkv`] = `1\n00:00:00,000 --> 00:00:01,000\n<img src="${place}">\n`;
    texts[`svg-${what}.png`] =
      `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><image href="${place}" width="64" height="48"/></svg>`;
  }
  const written = Object.entries(texts).map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return [name, path] as const;
  });
  return { ...Object.fromEntries(written), ...reference(folder, target) };
}

/** A QuickTime film whose samples lie in another file, as its data reference says (`alis`, `url `). */
function reference(folder: string, target: string): Record<string, string> {
  const whole = join(folder, 'whole.mov');
  const args = [...FILM, '-c:v', 'mjpeg', '-movflags', 'faststart', whole];
  execFileSync(ffmpegPath(), ['-nostdin', '-v', 'error', '-y', ...args]);
  const bytes = readFileSync(whole);
  const at = bytes.indexOf('dref');
  const flags = at + 4 + 8 + 8;
  // No longer "in this file": FFmpeg then looks where the reference points.
  bytes.writeUInt32BE(0, flags);
  const path = join(folder, 'reference.mov');
  const end = bytes.indexOf('mdat') + 4;
  writeFileSync(path, Buffer.concat([bytes.subarray(0, end), Buffer.from(target)]));
  return { 'reference.mov': path };
}
