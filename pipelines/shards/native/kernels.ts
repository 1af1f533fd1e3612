/** Our own functions for shards (`native/`), compiled by set-up; without them the same is done in JavaScript, slower. */
import { nativeAddon } from '../../process/native-addon.ts';

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
  /** Memory that begins where a page does. @param bytes a multiple of 2 MiB */
  alignedMemory(bytes: number): ArrayBuffer;
  /**
   * Whether what is written from now on goes past the system's cache of files: only whole blocks then, from aligned memory.
   * @returns false: not on this system, or not this file
   */
  setDirect(file: number, direct: boolean): boolean;
}

const addon = nativeAddon<ShardKernels>('shard_kernels', {
  without: 'shards are written slower',
  setup: 'npm run setup',
});

/** Where set-up puts the library. */
export const SHARD_KERNELS_PATH = addon.path;

/** Undefined: they are not compiled, or not for this machine. */
export const shardKernels = addon.load;
