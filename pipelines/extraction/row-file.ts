/**
 * A clip's values on their way from the process that extracted them: through a file without a name that both sides have
 * open. A pipe hands on a megabyte in dozens of pieces, and all of them are garbage that the collector then goes after.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AudioFeature, ExtractedClip, PictureFeature } from './extractor.ts';

/** What lies in the file, in this order from its beginning; the values themselves are not in it. */
export interface StoredClip {
  readonly audio?: Pick<AudioFeature, 'shape'>;
  readonly rgb?: Pick<PictureFeature, 'shape'>;
  readonly flow?: Pick<PictureFeature, 'shape'>;
  readonly missing: ExtractedClip['missing'];
}

/** The file's number in the child: the first after those of every child and the pipe. */
export const ROW_FILE = 4;

/** Memory on Linux; elsewhere, or where it may not be written, a disk's cache. */
const FOLDERS = ['/dev/shm', tmpdir()];

/** @returns a file to be inherited by a child; `undefined` where there can be none: the child then sends the values */
export function openRowFile(): number | undefined {
  for (const parent of FOLDERS) {
    try {
      const folder = mkdtempSync(join(parent, 'modalmix-rows-'));
      try {
        return openSync(join(folder, 'row'), 'wx+');
      } finally {
        // Its space is given back when both sides have ended, however they end.
        rmSync(folder, { recursive: true });
      }
    } catch {
      continue;
    }
  }
  return undefined;
}

/** @returns `undefined` when there is no room for it */
export function storeClip(file: number, clip: ExtractedClip): StoredClip | undefined {
  const { audio, rgb, flow, missing } = clip;
  let at = 0;
  try {
    for (const feature of [audio, rgb, flow]) {
      if (feature === undefined) continue;
      const { buffer, byteOffset, byteLength } = feature.data;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      for (let done = 0; done < byteLength;)
        done += writeSync(file, bytes, done, byteLength - done, at + done);
      at += byteLength;
    }
  } catch {
    return undefined;
  }
  return {
    ...(audio === undefined ? {} : { audio: { shape: audio.shape } }),
    ...(rgb === undefined ? {} : { rgb: { shape: rgb.shape } }),
    ...(flow === undefined ? {} : { flow: { shape: flow.shape } }),
    missing,
  };
}

export function loadClip(file: number, { audio, rgb, flow, missing }: StoredClip): ExtractedClip {
  const sizes = {
    audio: Float32Array.BYTES_PER_ELEMENT * sizeOf(audio?.shape),
    rgb: sizeOf(rgb?.shape),
    flow: sizeOf(flow?.shape),
  };
  const all = sizes.audio + sizes.rgb + sizes.flow;
  const bytes = Buffer.allocUnsafeSlow(all);
  for (let done = 0; done < all;) {
    const read = readSync(file, bytes, done, all - done, done);
    if (read === 0) throw new Error('the file of a row ends too early');
    done += read;
  }
  const picturesAt = (at: number, size: number) => new Uint8Array(bytes.buffer, at, size);
  return {
    ...(audio === undefined
      ? {}
      : { audio: { data: new Float32Array(bytes.buffer, 0, sizeOf(audio.shape)), ...audio } }),
    ...(rgb === undefined ? {} : { rgb: { data: picturesAt(sizes.audio, sizes.rgb), ...rgb } }),
    ...(flow === undefined
      ? {}
      : { flow: { data: picturesAt(sizes.audio + sizes.rgb, sizes.flow), ...flow } }),
    missing,
  };
}

export function closeRowFile(file: number | undefined): void {
  if (file !== undefined) closeSync(file);
}

function sizeOf(shape: readonly number[] | undefined): number {
  return shape === undefined ? 0 : shape.reduce((product, size) => product * size, 1);
}
