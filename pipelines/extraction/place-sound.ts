/** Puts decoded pieces of sound where their times say: silence before the first and in holes. Pure. */

/** A piece of sound, and when it begins. */
export interface TimedSamples {
  /** Of its first sample, in samples from the clip's start; undefined: where its predecessor ended. */
  readonly at: number | undefined;
  readonly samples: Float32Array;
}

/**
 * A start or a hole shorter than this is none: codecs' delays, and the clocks of containers (AVI, FLV), are off by as much.
 * `decode.ts` counts samples by the same measure.
 */
const SHORTEST_HOLE_S = 0.1;
/** A longer hole, in a container whose clock may be set anew (MPEG-TS, -PS), is such a change: ffmpeg's `dts_delta_threshold`. */
const LONGEST_HOLE_S = 10;

export interface SoundRoom {
  readonly sampleRateHz: number;
  /** Samples that are wanted, from the clip's start. */
  readonly wanted: number;
  readonly clockMayJump: boolean;
}

/** The wanted beginning of a clip's sound, filled piece by piece. */
export class SoundTrack {
  readonly #room: SoundRoom;
  readonly #samples: Float32Array;
  #next = 0;

  constructor(room: SoundRoom) {
    this.#room = room;
    this.#samples = new Float32Array(room.wanted);
  }

  /** What overlaps with what is there (a clock that was set back) follows it. @returns whether that is enough */
  add({ at, samples }: TimedSamples): boolean {
    const { sampleRateHz, clockMayJump, wanted } = this.#room;
    const hole = at === undefined ? 0 : at - this.#next;
    const isHole =
      hole > SHORTEST_HOLE_S * sampleRateHz && !(clockMayJump && hole > LONGEST_HOLE_S * sampleRateHz);
    const first = this.#next + (isHole ? hole : 0);
    if (first < wanted) this.#samples.set(samples.subarray(0, wanted - first), first);
    this.#next = Math.min(wanted, first + samples.length);
    return this.#next === wanted;
  }

  /** As many as there are up to the end of the last piece; all that are wanted, where more sound comes after these. */
  samples(): Float32Array {
    return this.#samples.subarray(0, this.#next);
  }
}
