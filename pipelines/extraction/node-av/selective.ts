/**
 * Decodes no frame that nothing needs: the packets' times say which frames will be picked, and those that are neither
 * picked nor referred to are skipped by the decoder. Where times or frames are not as they should be, everything is
 * decoded and the filters choose.
 */
import { AV_PKT_FLAG_CORRUPT, AV_PKT_FLAG_DISCARD } from 'node-av/constants';
import type { Packet, Stream } from 'node-av/lib';
import { chooseFrames, type TimeBase } from '../choose-frames.ts';
import { type VideoRequest } from '../decode.ts';
import { sameViaPlanes, sizeFilter } from '../filters.ts';
import { NO_TIMESTAMP, shiftOf, type Segment } from './clock.ts';
import { FrameDecoder, type Taker } from './frames.ts';

/** Codecs whose packets are one frame each, and whose decoders know before decoding what nothing refers to. */
const CODECS = ['h264', 'hevc'];
/** Packets that are kept until the choice is made: more of them cost more than they save. */
const MOST_HELD = 2_000;
const MOST_HELD_BYTES = 64 * 2 ** 20;

/** Whether the times of a stream's packets can tell the choice. */
export function canChooseAhead(
  codecName: string | undefined,
  video: VideoRequest,
  segment: Segment,
): boolean {
  const fromStart = video.offsetS === 0 && !video.fromFirst && !video.pairs && Number.isInteger(video.fps);
  return CODECS.includes(codecName ?? '') && fromStart && segment.isWhole;
}

export interface PictureTaker extends Taker {
  readonly video: VideoRequest;
  /** Drops what was taken. */
  readonly forget: () => void;
}

export class SelectiveDecoder {
  readonly #stream: Stream;
  readonly #taker: PictureTaker;
  readonly #segment: Segment;
  readonly #timeBase: TimeBase;
  readonly #shift: bigint;
  #held: Packet[] = [];
  #heldBytes = 0;
  #times: bigint[] = [];
  /** Set once everything is decoded and the filters choose. */
  #full: FrameDecoder | undefined;
  #isDone = false;
  #problem: string | undefined;

  constructor(stream: Stream, taker: PictureTaker, segment: Segment) {
    this.#stream = stream;
    this.#taker = taker;
    this.#segment = segment;
    const { num, den } = stream.timeBase;
    this.#timeBase = { num, den };
    this.#shift = shiftOf(stream, segment);
  }

  get done(): boolean {
    return this.#full?.done ?? this.#isDone;
  }

  get complaint(): string | undefined {
    return this.#problem ?? this.#full?.complaint;
  }

  /** The decoder is opened when the choice is made. */
  open(): string | undefined {
    return undefined;
  }

  send(packet: Packet): void {
    if (this.done) return;
    if (this.#full !== undefined) {
      this.#full.send(packet);
      return;
    }
    const { pts, dts, flags, size } = packet;
    const held = packet.clone();
    if (held !== null) {
      this.#held.push(held);
      this.#heldBytes += size;
    }
    const plain =
      held !== null &&
      pts !== NO_TIMESTAMP &&
      dts !== NO_TIMESTAMP &&
      pts >= dts &&
      (flags & (AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_CORRUPT)) === 0 &&
      (this.#times.length > 0 || packet.isKeyframe) &&
      this.#held.length <= MOST_HELD &&
      this.#heldBytes <= MOST_HELD_BYTES;
    if (!plain) {
      this.#decodeAll(held === null ? packet : undefined);
      return;
    }
    this.#times.push(pts - this.#shift);
    const chosen = this.#choose(dts - this.#shift);
    if (chosen !== undefined && !this.#decode(chosen)) this.#decodeAll();
  }

  finish(): void {
    // At the end of a stream how long the last frame lasts counts too: the filters know.
    if (!this.done && this.#full === undefined) this.#decodeAll();
    this.#full?.finish();
  }

  close(): void {
    this.#release();
    this.#full?.close();
  }

  /** @param reached later packets are of this time or a later one */
  #choose(reached: bigint): bigint[] | undefined {
    const { fps, frames } = this.#taker.video;
    const { num, den } = this.#timeBase;
    if (reached * BigInt(num * fps) < BigInt(frames - 1) * BigInt(den)) return undefined;
    const known = this.#times.filter((time) => time <= reached).sort((a, b) => (a < b ? -1 : 1));
    return chooseFrames(known, this.#timeBase, fps, frames);
  }

  /** @returns whether exactly the frames of these times came */
  #decode(chosen: readonly bigint[]): boolean {
    if (new Set(this.#times).size !== this.#times.length) return false;
    const wanted = new Set(chosen);
    const decoder = new FrameDecoder(this.#stream, this.#pickedTaker(chosen), this.#segment, wanted);
    let came: boolean;
    try {
      if (decoder.open() !== undefined) return false;
      let left = wanted.size;
      for (const [place, packet] of this.#held.entries()) {
        const isWanted = wanted.has(this.#times[place]!);
        decoder.skipUnreferenced(!isWanted);
        decoder.send(packet);
        if (isWanted) left -= 1;
        if (left === 0) break;
      }
      decoder.finish();
      came = decoder.passed === wanted.size && decoder.complaint === undefined && !decoder.isUneven;
    } finally {
      decoder.close();
    }
    if (came) this.#release();
    else this.#taker.forget();
    this.#isDone = came;
    return came;
  }

  /** A frame that is chosen more than once is taken as often; frames come in the order of their times. */
  #pickedTaker(chosen: readonly bigint[]): Taker {
    const { video, take } = this.#taker;
    let place = 0;
    return {
      filters: (pixelFormat) => sizeFilter(video, sameViaPlanes(pixelFormat)),
      take: (frame) => {
        const time = chosen[place];
        let isEnough = false;
        for (; place < chosen.length && chosen[place] === time; place += 1) isEnough = take(frame);
        return isEnough;
      },
    };
  }

  /** @param last a packet that could not be held */
  #decodeAll(last?: Packet): void {
    this.#full = new FrameDecoder(this.#stream, this.#taker, this.#segment);
    this.#problem = this.#full.open();
    if (this.#problem === undefined) {
      for (const packet of this.#held) this.#full.send(packet);
      if (last !== undefined) this.#full.send(last);
    }
    this.#release();
  }

  #release(): void {
    for (const packet of this.#held) packet.free();
    this.#held = [];
    this.#heldBytes = 0;
  }
}
