/** Dense optical flow between two frames each, by OpenCV's WebAssembly build. */
import { createRequire } from 'node:module';
import type CV from '@techstark/opencv-js';
import type { PictureFeature } from './extractor.ts';

/** Farneback's parameters, those of OpenCV's own tutorial (Farnebäck, SCIA 2003). */
const FARNEBACK = {
  pyramidScale: 0.5,
  levels: 3,
  window: 15,
  iterations: 3,
  polyN: 5,
  polySigma: 1.2,
  flags: 0,
} as const;

/** Boxed, because OpenCV's module object must not pass through `await`: it has a `then` of its own kind. */
interface Box {
  readonly cv: typeof CV;
}

let opening: Promise<Box> | undefined;

/**
 * 10 MB of WebAssembly, so loaded only where flow is wanted, once a process. Required, not imported, so that
 * nothing runs between its loading and the setting of `onRuntimeInitialized`.
 */
async function openCv(): Promise<Box> {
  opening ??= new Promise<Box>((resolve) => {
    const cv = createRequire(import.meta.url)('@techstark/opencv-js') as typeof CV;
    if (typeof cv.Mat === 'function') resolve({ cv });
    else
      cv.onRuntimeInitialized = () => {
        resolve({ cv });
      };
  });
  return await opening;
}

/** Displacement in pixels, clipped to ±bound → 0…255; still is 128. Inverse: byte / 255 · 2·bound − bound. */
export function encodeDisplacement(pixels: number, boundPx: number): number {
  const clipped = Math.min(boundPx, Math.max(-boundPx, pixels));
  return Math.round(((clipped + boundPx) / (2 * boundPx)) * 255);
}

/**
 * @param frames rgb, [T, H, W, 3] with T ≥ 2
 * @param boundPx displacements are clipped to ± this
 * @returns [T − 1, H, W, 2]: pair t is the motion from frame t to t + 1; channels u (right) and v (down), encoded
 */
export async function opticalFlow(frames: PictureFeature, boundPx: number): Promise<PictureFeature> {
  const [count, height, width] = frames.shape;
  const size = height * width * 3;
  const all = Array.from({ length: count }, (_, t) => frames.data.subarray(t * size, (t + 1) * size));
  const pairs = all.slice(1).map((next, t) => [all[t]!, next] as const);
  return await flowBetween(pairs, height, width, boundPx);
}

/**
 * @param pairs of rgb frames, each [H, W, 3]
 * @returns [pairs, H, W, 2]: the motion from the first of each to its second, as `opticalFlow` has it
 */
export async function flowBetween(
  pairs: readonly (readonly [Uint8Array, Uint8Array])[],
  height: number,
  width: number,
  boundPx: number,
): Promise<PictureFeature> {
  const { cv } = await openCv();
  const length = height * width * 2;
  const data = new Uint8Array(pairs.length * length);
  const rgb = new cv.Mat(height, width, cv.CV_8UC3);
  const flow = new cv.Mat();
  let previous = new cv.Mat();
  let next = new cv.Mat();
  const grey = (frame: Uint8Array, to: typeof next) => {
    rgb.data.set(frame);
    cv.cvtColor(rgb, to, Number(cv.COLOR_RGB2GRAY));
  };
  try {
    let last: Uint8Array | undefined;
    for (const [t, [from, to]] of pairs.entries()) {
      if (last === from) [previous, next] = [next, previous];
      else grey(from, previous);
      grey(to, next);
      last = to;
      cv.calcOpticalFlowFarneback(
        previous,
        next,
        flow,
        FARNEBACK.pyramidScale,
        FARNEBACK.levels,
        FARNEBACK.window,
        FARNEBACK.iterations,
        FARNEBACK.polyN,
        FARNEBACK.polySigma,
        FARNEBACK.flags,
      );
      const displacements = flow.data32F;
      for (let i = 0; i < length; i += 1) {
        data[t * length + i] = encodeDisplacement(displacements[i] ?? 0, boundPx);
      }
    }
  } finally {
    for (const mat of [rgb, flow, previous, next]) mat.delete();
  }
  return { data, shape: [pairs.length, height, width, 2] };
}
