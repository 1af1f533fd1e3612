/** Which of a clip's stored frames are used: of each segment one of its candidates. Pure. */
import type { Generator } from '../../random/generator.ts';
import type { Pictures } from './pictures/render-view.ts';

/**
 * @param stored frames (or flow fields) in the row: `candidates` of each segment, one segment after the other
 * @param random absent: the middle one of each segment, as in testing; else one drawn for each
 * @returns numbers of the stored frames, one a segment
 */
export function chosenFrames(stored: number, candidates: number, random?: Generator): number[] {
  return Array.from({ length: Math.floor(stored / candidates) }, (_, segment) => {
    const candidate = random === undefined ? (candidates - 1) / 2 : random.integer(candidates);
    return segment * candidates + candidate;
  });
}

/** @param room for the frames, if it is large enough */
export function pickFrames(
  { data, shape }: Pictures,
  chosen: readonly number[],
  room?: Uint8Array,
): Pictures {
  const [, height, width, channels] = shape;
  const size = height * width * channels;
  const length = chosen.length * size;
  const picked =
    room !== undefined && room.length >= length ? room.subarray(0, length) : new Uint8Array(length);
  for (const [place, frame] of chosen.entries()) {
    picked.set(data.subarray(frame * size, (frame + 1) * size), place * size);
  }
  return { data: picked, shape: [chosen.length, height, width, channels] };
}
