/** A clip's features as pictures: frames, flow and spectrogram, from its shard's row. */
import pLimit from 'p-limit';
import sharp, { type Sharp } from 'sharp';
import { ShardFile } from '../../../pipelines/shards/read/shard-file.ts';
import type { ShardRow } from '../../../pipelines/shards/read/row-reader.ts';
import type { AudioFeature, PictureFeature } from '../../../pipelines/extraction/extractor.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { MEDIA_MODALITIES } from '../../../schemas/modality.ts';
import { notThere } from '../problems.ts';
import type { Clip, ClipTable } from './clip-table.ts';

const THUMBNAIL_PX = 144;
const THUMBNAIL_QUALITY = 70;
/** Of the spectrogram's values, what is drawn darkest and lightest. */
const [DARKEST, LIGHTEST] = [0.02, 0.998];
const SAMPLED = 20_000;
/** From silence to the loudest: ink to paper by way of warm colours, even in lightness. */
const COLOURS = [
  [8, 8, 26],
  [62, 20, 98],
  [140, 41, 108],
  [215, 74, 71],
  [249, 142, 57],
  [252, 253, 191],
] as const;

/** Shards that are open, the last ones used: opening one reads all of it. */
export class OpenShards {
  readonly #most: number;
  readonly #files = new Map<string, Promise<ShardFile>>();
  /** One after the other: each is whole in memory while it is hashed, and others are answered in between. */
  readonly #limit = pLimit(1);

  constructor(most = 24) {
    this.#most = most;
  }

  /** @throws ModalmixError `input` where the clip has no row */
  async row(store: Store, { manifest }: ClipTable, clip: Clip): Promise<ShardRow> {
    const entry = clip.shard === undefined ? undefined : manifest.shards[clip.shard];
    if (entry === undefined) throw notThere('this clip’s row');
    const modalities = manifest.modalities.filter((one) =>
      (MEDIA_MODALITIES as readonly string[]).includes(one),
    );
    const key = `${store.uri}\n${entry.path}\n${entry.sha256}`;
    const opening =
      this.#files.get(key) ?? this.#limit(async () => await ShardFile.open(store, entry, modalities));
    this.#files.delete(key);
    this.#files.set(key, opening);
    this.#closeOldest();
    try {
      const shard = await opening;
      const row = shard.table.clipIds.indexOf(clip.clipId);
      if (row === -1) throw notThere('this clip’s row');
      return shard.read(row);
    } catch (error) {
      if (this.#files.get(key) === opening) await opening.catch(() => this.#files.delete(key));
      throw error;
    }
  }

  #closeOldest(): void {
    for (const [key, opening] of this.#files) {
      if (this.#files.size <= this.#most) return;
      this.#files.delete(key);
      // Those who wait for it read in the same turn as it comes.
      void opening.then((shard) => setImmediate(() => shard.close())).catch(() => undefined);
    }
  }
}

/** A small JPEG of the middle frame. */
export async function thumbnail(picture: PictureFeature): Promise<Buffer> {
  const frame = raw(picture, Math.floor(picture.shape[0] / 2));
  return await frame
    .resize({ width: THUMBNAIL_PX, height: THUMBNAIL_PX, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: THUMBNAIL_QUALITY })
    .toBuffer();
}

/** One frame as PNG. */
export async function framePng(picture: PictureFeature, frame: number): Promise<Buffer> {
  if (!(frame >= 0 && frame < picture.shape[0])) throw notThere('this frame');
  return await raw(picture, frame).png().toBuffer();
}

/** [T, H, W, C]; flow's two channels become red and green, with still grey in the middle. */
function raw({ data, shape }: PictureFeature, frame: number): Sharp {
  const [, height, width, channels] = shape;
  const size = height * width * channels;
  const bytes = data.subarray(frame * size, (frame + 1) * size);
  if (channels !== 2) return sharp(bytes, { raw: { width, height, channels: channels === 1 ? 1 : 3 } });
  const coloured = new Uint8Array(3 * height * width).fill(128);
  for (let i = 0; i < height * width; i += 1) {
    coloured[3 * i] = bytes[2 * i]!;
    coloured[3 * i + 1] = bytes[2 * i + 1]!;
  }
  return sharp(coloured, { raw: { width, height, channels: 3 } });
}

/** [F, T] as PNG: time to the right, low frequencies at the bottom. */
export async function spectrogramPng({ data, shape }: AudioFeature): Promise<Buffer> {
  const [frequencies, times] = shape;
  const [low, high] = limits(data);
  const pixels = new Uint8Array(3 * frequencies * times);
  for (let f = 0; f < frequencies; f += 1) {
    for (let t = 0; t < times; t += 1) {
      const share = (data[f * times + t]! - low) / (high - low);
      pixels.set(colour(share), 3 * ((frequencies - 1 - f) * times + t));
    }
  }
  return await sharp(pixels, { raw: { width: times, height: frequencies, channels: 3 } })
    .png()
    .toBuffer();
}

function limits(data: Float32Array): [number, number] {
  const step = Math.max(1, Math.floor(data.length / SAMPLED));
  const sample = new Float32Array(Math.floor((data.length - 1) / step) + 1)
    .map((_, i) => data[i * step]!)
    .sort();
  const at = (share: number) => sample[Math.min(sample.length - 1, Math.floor(share * sample.length))]!;
  const [low, high] = [at(DARKEST), at(LIGHTEST)];
  return high > low ? [low, high] : [low, low + 1];
}

function colour(share: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (COLOURS.length - 1);
  const i = Math.min(COLOURS.length - 2, Math.floor(place));
  const [from, to] = [COLOURS[i]!, COLOURS[i + 1]!];
  const mix = (k: 0 | 1 | 2) => Math.round(from[k] + (place - i) * (to[k] - from[k]));
  return [mix(0), mix(1), mix(2)];
}
