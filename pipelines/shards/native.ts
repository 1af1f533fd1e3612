/** Our own functions for shards (`native/`), compiled by set-up; without them the same is done in JavaScript, slower. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface ShardKernels {
  /**
   * Sums of the channels, then sums of their squares.
   * @param data channel-last
   * @param channels 1 to 3
   * @param into two numbers a channel
   */
  sumChannels(data: Float32Array | Uint8Array, channels: number, into: Float64Array): void;
  /** Into shared memory several times as fast as `set`. @param into at least as long */
  copy(from: Uint8Array, into: Uint8Array): void;
  /**
   * Has the system begin to bring these bytes of a file to the disk, on a thread of its own.
   * @returns when it has begun; the file stays open until then
   */
  startWriteback(file: number, first: number, bytes: number): Promise<void>;
}

/** Where set-up puts the library. */
export const SHARD_KERNELS_PATH = fileURLToPath(
  new URL('../../node_modules/.cache/modalmix/native/shard_kernels.node', import.meta.url),
);

let loaded: { readonly kernels: ShardKernels | undefined } | undefined;

/** Undefined: they are not compiled, or not for this machine. */
export function shardKernels(): ShardKernels | undefined {
  loaded ??= { kernels: load() };
  return loaded.kernels;
}

function load(): ShardKernels | undefined {
  if (!existsSync(SHARD_KERNELS_PATH)) return undefined;
  try {
    return createRequire(import.meta.url)(SHARD_KERNELS_PATH) as ShardKernels;
  } catch {
    return undefined;
  }
}
