/**
 * Waits for a buffer of the GPU without giving the thread back. Dawn answers when it is asked to look after its events,
 * for which its binding passes a function to the global `setImmediate`; here that function is called in place.
 */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { GpuBuffer } from './dawn.ts';

type Look = () => void;

/** Looks without a pause between them at first: most waits are short. */
const EAGER_LOOKS = 20;
/** Then the processor is left to others (a software adapter computes on it). */
const PAUSE_MS = 0.2;

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Returns when the buffer is mapped.
 *
 * @param mode WebGPU's number for reading or writing
 * @param assertWell throws when there is nothing to wait for any more
 * @throws ModalmixError `internal` when this version of Dawn has no such function to call
 */
export function mapNow(buffer: GpuBuffer, mode: number, assertWell: () => void): void {
  const looks: Look[] = [];
  const later = globalThis.setImmediate;
  globalThis.setImmediate = ((look: Look) => {
    looks.push(look);
  }) as typeof setImmediate;
  try {
    let refused: unknown;
    buffer.mapAsync(mode).catch((error: unknown) => {
      refused = error;
    });
    for (let looked = 0; buffer.mapState === 'pending'; looked += 1) {
      const look = looks.shift();
      if (look === undefined) {
        throw new ModalmixError('internal', 'Dawn does not say how to look after its events', {
          where: 'the package "webgpu"',
          fix: 'Run "npm ci": its version must be the one of package-lock.json.',
        });
      }
      look();
      if (looked >= EAGER_LOOKS) Atomics.wait(pause, 0, 0, PAUSE_MS);
    }
    if (buffer.mapState !== 'mapped') {
      assertWell();
      throw new ModalmixError('dependency', 'a buffer of the GPU cannot be read', {
        where: 'WebGPU',
        cause: refused,
      });
    }
  } finally {
    globalThis.setImmediate = later;
    // Of whoever else waits for Dawn.
    for (const look of looks) later(look);
  }
}
