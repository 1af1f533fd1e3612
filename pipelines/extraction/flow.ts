/** Dense optical flow between neighbouring sampled frames, by OpenCV's WebAssembly build. */
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
  const { cv } = await openCv();
  const [count, height, width] = frames.shape;
  const pixels = height * width;
  const data = new Uint8Array((count - 1) * pixels * 2);
  const rgb = new cv.Mat(height, width, cv.CV_8UC3);
  const flow = new cv.Mat();
  let previous = new cv.Mat();
  let next = new cv.Mat();
  try {
    for (let t = 0; t < count; t += 1) {
      rgb.data.set(frames.data.subarray(t * pixels * 3, (t + 1) * pixels * 3));
      cv.cvtColor(rgb, next, Number(cv.COLOR_RGB2GRAY));
      if (t > 0) {
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
        const first = (t - 1) * pixels * 2;
        const displacements = flow.data32F;
        for (let i = 0; i < pixels * 2; i += 1) {
          data[first + i] = encodeDisplacement(displacements[i] ?? 0, boundPx);
        }
      }
      [previous, next] = [next, previous];
    }
  } finally {
    for (const mat of [rgb, flow, previous, next]) mat.delete();
  }
  return { data, shape: [count - 1, height, width, 2] };
}
