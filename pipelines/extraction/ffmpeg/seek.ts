/** Where ffmpeg begins to read for a segment, and from where it counts time, in containers that make that hard. */
import {
  CLOCK_MAY_JUMP,
  isReadFromStart,
  LEADS_US,
  SOUGHT_BLINDLY,
  type Decoded,
  type DecodeRequest,
  type SegmentStart,
  type VideoRequest,
} from '../decode.ts';
import { firstKeyframeS } from './stream-times.ts';

/** With inputs under names of ours, and an empty folder for this call's files. */
export type LinkedRequest = Omit<DecodeRequest, 'video'> & {
  readonly video?: VideoRequest & { readonly input: number; readonly stream: number };
  readonly scratch: string;
  readonly seek: SegmentStart;
  /**
   * Where the inputs' clocks begin, when these are to be left as they are. Else ffmpeg takes what lies before the segment's
   * start, in a container whose clock may be set anew, for such a change.
   */
  readonly clockUs?: readonly number[];
  /** Milliseconds. */
  readonly left: () => number;
};

/** @returns how far before the start decoding must begin, where it did not begin well; see `LEADS_US` */
export async function longerRunUp(
  { video, audio, inputs, seek, left, memoryMiB }: LinkedRequest,
  facts: Decoded['inputs'],
  signal?: AbortSignal,
): Promise<number | undefined> {
  if (facts.some((input) => input !== undefined && isReadFromStart(input))) return seek.startUs;
  if (!facts.some((input) => SOUGHT_BLINDLY.includes(input?.format ?? ''))) return undefined;
  const input = inputs[video?.input ?? audio?.input ?? 0] ?? '';
  const map = video === undefined ? '0:a:0' : `0:V:${String(video.stream)}`;
  for (const lead of LEADS_US.filter((us) => us < seek.startUs)) {
    const beginsS = (seek.startUs - lead) / 1e6;
    const afterS = await firstKeyframeS(input, { map, beginsS, timeoutMs: left(), memoryMiB }, signal);
    if (afterS !== undefined && afterS * 1e6 <= lead - seek.runUpUs) return lead;
  }
  return seek.startUs;
}

/**
 * Whether time 0 was not the file's beginning: of containers whose clock may be set anew ffmpeg counts from the first of the
 * streams that it uses.
 */
export function isZeroMoved({ video, audio, seek }: LinkedRequest, facts: Decoded['inputs']): boolean {
  return facts.some(
    (input, n) =>
      CLOCK_MAY_JUMP.includes(input?.format ?? '') &&
      (seek.startUs > 0 ||
        (input?.hasVideo === true && video?.input !== n) ||
        (input?.audioCodec !== undefined && audio?.input !== n)),
  );
}
