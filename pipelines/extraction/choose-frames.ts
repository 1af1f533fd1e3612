/** Which frames `videoFilter` will pick, told from their times alone: so that the others need not be decoded. */

/** A stream's unit of time in seconds. */
export interface TimeBase {
  readonly num: number;
  readonly den: number;
}

/**
 * `videoFilter`'s rule (its `setpts` and `fps`): frame i begins to be the nearest in the middle between its
 * predecessor and itself, rounded up to a sampling time; each sampling time n / fps takes the last frame that has begun by
 * then, or the first of all.
 *
 * @param times of the first frames without a gap, ascending and different, in `base`, from the clip's start
 * @param fps a whole number
 * @returns the time of the frame for each of n = 0…frames−1; undefined while later frames could change that
 */
export function chooseFrames(
  times: readonly bigint[],
  { num, den }: TimeBase,
  fps: number,
  frames: number,
): bigint[] | undefined {
  const chosen: bigint[] = [];
  const denominator = 2n * BigInt(den);
  for (const [i, time] of times.entries()) {
    const previous = times[i - 1];
    // Twice the middle; of the first frame, twice its time.
    const twice = previous === undefined ? 2n * time : previous + time;
    const begins = ceilDivide(twice * BigInt(num) * BigInt(fps), denominator);
    while (previous !== undefined && chosen.length < frames && BigInt(chosen.length) < begins) {
      chosen.push(previous);
    }
    if (chosen.length === frames) return chosen;
  }
  return undefined;
}

function ceilDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor > 0n ? quotient + 1n : quotient;
}
