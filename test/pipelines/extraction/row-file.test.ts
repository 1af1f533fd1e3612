import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { ExtractedClip } from '../../../pipelines/extraction/extractor.ts';
import { closeRowFile, loadClip, openRowFile, storeClip } from '../../../pipelines/extraction/row-file.ts';

const CLIP: ExtractedClip = {
  audio: { data: Float32Array.from({ length: 15 }, (_, i) => Math.log(i + 0.1)), shape: [3, 5] },
  rgb: { data: Uint8Array.from({ length: 2 * 7 * 5 * 3 }, (_, i) => 3 * i), shape: [2, 7, 5, 3] },
  flow: { data: Uint8Array.from({ length: 2 * 7 * 5 * 2 }, (_, i) => 5 * i), shape: [2, 7, 5, 2] },
  missing: {},
};

test('a clip comes out of the file as it went in, whatever of it is missing, and a shorter one after a longer', () => {
  const file = openRowFile()!;
  try {
    const { audio, rgb, flow } = CLIP;
    const silent = { code: 'silent', reason: 'every audio sample is zero' } as const;
    const clips: ExtractedClip[] = [
      CLIP,
      { rgb: rgb!, missing: { audio: silent } },
      { audio: audio!, flow: flow!, missing: {} },
      { audio: audio!, missing: {} },
      CLIP,
    ];
    const loaded = clips.map((clip) => loadClip(file, storeClip(file, clip)!));
    // Each still whole, though the next was stored over it.
    expect(loaded).toEqual(clips);
  } finally {
    closeRowFile(file);
  }
});

test('where a clip cannot be stored, nothing is: it then goes through the pipe', () => {
  const full = openSync('/dev/null', 'r');
  try {
    expect(storeClip(full, CLIP)).toBeUndefined();
  } finally {
    closeSync(full);
  }
});
