import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { centreView, randomView, testView } from '../../../../../pipelines/training/data/augment.ts';
import { pictureKernels } from '../../../../../pipelines/training/data/pictures/native.ts';
import {
  normalise,
  normalisePlainly,
  renderView,
  renderViewPlainly,
  type Pictures,
} from '../../../../../pipelines/training/data/pictures/render-view.ts';
import { randomGenerator } from '../../../../../pipelines/random/generator.ts';

const PLAIN = { mean: [0], std: [1] };

/** One frame, one channel: value = 10·y + x. */
function ramp(height: number, width: number) {
  const data = Uint8Array.from(
    { length: height * width },
    (_, at) => 10 * Math.floor(at / width) + (at % width),
  );
  return { data, shape: [1, height, width, 1] as const };
}

function render(height: number, width: number, view: ReturnType<typeof centreView>, side: number) {
  const out = new Float32Array(side * side);
  renderView(ramp(height, width), view, side, PLAIN, out);
  return [...out];
}

describe('the centre view', () => {
  it('is the pixels in the middle, untouched', () => {
    expect(render(4, 6, centreView(4, 6, 2), 2)).toEqual([12, 13, 22, 23]);
  });

  it('is the largest square, resized, where the picture is smaller than the crop', () => {
    const values = render(2, 3, centreView(2, 3, 4), 4);
    expect(values.slice(0, 4)).toEqual([0, 0.25, 0.75, 1]);
    expect(values[15]).toBe(11);
  });
});

describe('the whole view', () => {
  interface Golden {
    readonly height: number;
    readonly width: number;
    readonly side: number;
    readonly data: number[];
    readonly bilinear: number[];
    readonly averaged: number[];
  }
  const path = new URL('../golden/whole-view.json', import.meta.url);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as Golden[];

  it.each(cases)('is OpenCV’s: $height × $width at $side', ({ height, width, side, data, bilinear }) => {
    const pictures = { data: Uint8Array.from(data), shape: [1, height, width, 1] as const };
    for (const renderer of [renderView, renderViewPlainly]) {
      const out = new Float32Array(side * side);
      renderer(pictures, testView(height, width, side, 'whole'), side, PLAIN, out);
      // OpenCV computes in single precision.
      out.forEach((value, at) => {
        expect(Math.abs(value - bilinear[at]!)).toBeLessThan(2e-3);
      });
    }
  });

  it('is within a level of what Pillow averages, where a picture is as smooth as a photograph', () => {
    const { height, width, side, data, averaged } = cases[2]!;
    const out = new Float32Array(side * side);
    renderView(
      { data: Uint8Array.from(data), shape: [1, height, width, 1] },
      testView(height, width, side, 'whole'),
      side,
      PLAIN,
      out,
    );
    const apart = out.reduce((sum, value, at) => sum + Math.abs(value - averaged[at]!), 0) / out.length;
    expect(apart).toBeLessThan(1);
  });

  it('may be flipped in training, and draws nothing else', () => {
    const views = Array.from({ length: 40 }, (_, row) =>
      randomView(randomGenerator(1, 'crop', 0, row), 60, 80, {
        cropMinScale: 0.08,
        flip: true,
        view: 'whole',
      }),
    );
    for (const { flipped, ...box } of views) {
      expect(box).toEqual({ left: 0, top: 0, width: 1, height: 1 });
      expect(typeof flipped).toBe('boolean');
    }
    expect(new Set(views.map(({ flipped }) => flipped)).size).toBe(2);
  });
});

describe('a flipped view', () => {
  it('is the mirror image, and turns the sign of channels that point sideways', () => {
    const view = { ...centreView(1, 2, 2), width: 1, height: 1, left: 0, top: 0, flipped: true };
    const flow = { data: Uint8Array.of(138, 100, 128, 110), shape: [1, 1, 2, 2] as const };
    const out = new Float32Array(8);
    renderView(flow, view, 2, { mean: [128, 128], std: [2, 2], mirroredAround: [128, undefined] }, out);
    // Right pixel (u 0, v −18) comes first, then the left one with u = +10 turned to −10.
    expect([...out.subarray(0, 4)]).toEqual([0, -9, -5, -14]);
  });
});

describe('compiled code', () => {
  const augment = { cropMinScale: 0.08, flip: true };
  const scale = {
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
    mirroredAround: [127.5, undefined],
  };

  it.each([
    [3, 256, 341, 3, 224],
    [6, 256, 256, 3, 224],
    [3, 60, 80, 2, 56],
    [2, 17, 33, 1, 31],
    // Larger than the picture, and a picture of one point.
    [1, 5, 7, 3, 64],
    [2, 1, 1, 2, 3],
    [2, 9, 1, 1, 5],
  ])(
    'gives the bits of plain code: %i frames of %i × %i × %i at %i',
    (frames, height, width, channels, side) => {
      expect(pictureKernels()).toBeDefined();
      const pictures = noise(frames, height, width, channels);
      const length = frames * side * side * channels;
      const compiled = new Float32Array(new SharedArrayBuffer(4 * length));
      const plain = new Float32Array(length);
      const views = Array.from({ length: 8 }, (_, row) =>
        randomView(randomGenerator(3, 'crop', 0, row), height, width, augment),
      );
      for (const view of [
        centreView(height, width, side),
        testView(height, width, side, 'whole'),
        ...views,
      ]) {
        renderView(pictures, view, side, scale, compiled);
        renderViewPlainly(pictures, view, side, scale, plain);
        expect(bytesOf(compiled).equals(bytesOf(plain))).toBe(true);
      }
    },
  );

  it('gives the bits of plain code for sound', () => {
    const { data } = noise(1, 257, 189, 1);
    const values = Float32Array.from(data, (byte) => Math.log(byte / 100 + 1e-7));
    const compiled = new Float32Array(values.length - 1);
    const plain = new Float32Array(values.length - 1);
    normalise(values, { mean: [-3.3], std: [1.7] }, compiled);
    normalisePlainly(values, -3.3, 1 / 1.7, plain);
    expect(bytesOf(compiled).equals(bytesOf(plain))).toBe(true);
  });

  it('refuses what would lead outside the memory it is given', () => {
    const { data } = noise(1, 4, 4, 1);
    const render = (shape: number[], places: number[], room: number) => {
      const weights = new Float64Array(places.length / 2);
      const both = Int32Array.from(places);
      const out = new Float32Array(room);
      pictureKernels()!.renderPictures(
        ...([data, Int32Array.from(shape), both, weights, both, weights] as const),
        ...([Float64Array.of(1, 0), out] as const),
      );
      return [...out];
    };
    expect(render([1, 4, 4, 1], [3, 3], 1)).toEqual([data[15]]);
    expect(() => render([1, 4, 4, 1], [3, 4], 1)).toThrow(/places inside/u);
    expect(() => render([1, 4, 4, 1], [-1, 0], 1)).toThrow(/places inside/u);
    expect(() => render([1, 5, 4, 1], [3, 3], 1)).toThrow(/as many bytes/u);
    expect(() => render([1, 4, 4, 1], [3, 3], 0)).toThrow(/room/u);
    expect(() => render([0, 4, 4, 1], [3, 3], 1)).toThrow(/of a size/u);
    // 2^64 bytes, which 64 bits hold as none.
    expect(() => render([2 ** 30, 2 ** 30, 16, 1], [3, 3], 1)).toThrow(/as many bytes/u);
  });
});

/** The same ones each time. */
function noise(...shape: [number, number, number, number]): Pictures {
  const random = randomGenerator(7, 'noise');
  const length = shape.reduce((product, size) => product * size, 1);
  return { data: Uint8Array.from({ length }, () => random.integer(256)), shape };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
