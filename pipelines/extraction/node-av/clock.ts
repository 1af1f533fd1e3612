/** Times in a stream's own unit, as FFmpeg reckons them. */
import type { Stream } from 'node-av/lib';
import type { TimeBase } from '../choose-frames.ts';

const MICROSECONDS = 1_000_000n;
export const NO_TIMESTAMP = -(2n ** 63n);

export interface Segment {
  /** What counts as time 0, on the file's clock. */
  readonly zeroUs: bigint;
  /** From there; absent: the file's end. */
  readonly endUs?: number | undefined;
  readonly isWhole: boolean;
}

/** What is subtracted from a stream's times, in its own unit, so that the segment begins at 0. */
export function shiftOf(stream: Stream, segment: Segment): bigint {
  const { num, den } = stream.timeBase;
  return inUnits(segment.zeroUs, { num, den });
}

export function inUnits(us: bigint, { num, den }: TimeBase): bigint {
  return divideRounded(us * BigInt(den), MICROSECONDS * BigInt(num));
}

/** To the nearest, a half away from zero: FFmpeg's way of changing a time's base. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const half = divisor / 2n;
  return dividend < 0n ? -((half - dividend) / divisor) : (dividend + half) / divisor;
}
