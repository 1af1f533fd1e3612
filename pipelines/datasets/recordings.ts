/** Which clips are cuts of one recording, by their names: such clips must not stand in train and test. */

/** A time range at a name's end, `_000010_000020` or `_12.5-17.5s`, and what stands before it. */
const TIME_RANGE = /^(?<recording>.*?)[-_. ]+(?<from>\d+(?:\.\d+)?)s?[-_](?<to>\d+(?:\.\d+)?)s?$/u;
/** A number at a name's end, `_01` or ` (2)`. */
const NUMBER = /^(?<recording>.*?)[-_. ]*\(?(?<number>\d+)\)?$/u;
/** Clips of a recording that a message names. */
const EXAMPLES = 2;

export interface NamedClip {
  /** Path below the class folder, without its extension. */
  readonly name: string;
  readonly className: string;
}

/**
 * Recordings of which several clips seem to be cuts: names that begin alike and end in a number, in a class that has
 * two such beginnings or more (one alone, `cat_001`, `cat_002`, …, only numbers the class), or in a time range.
 * @returns the clips of each recording, in the order given
 */
export function cutsOfOneRecording<Clip extends NamedClip>(clips: readonly Clip[]): Clip[][] {
  const classes = new Map<string, Map<string, { clips: Clip[]; ranges: boolean }>>();
  for (const clip of clips) {
    const range = timeRangeOf(clip.name);
    const recording = range ?? NUMBER.exec(clip.name)?.groups?.recording;
    if (recording === undefined || recording === '') continue;
    const recordings = classes.get(clip.className) ?? new Map<string, { clips: Clip[]; ranges: boolean }>();
    classes.set(clip.className, recordings);
    const found = recordings.get(recording) ?? { clips: [], ranges: true };
    found.clips.push(clip);
    found.ranges &&= range !== undefined;
    recordings.set(recording, found);
  }
  return [...classes.values()].flatMap((recordings) => {
    const several = [...recordings.values()].filter((found) => found.clips.length > 1);
    return several.filter(({ ranges }) => ranges || several.length > 1).map((found) => found.clips);
  });
}

function timeRangeOf(name: string): string | undefined {
  const { recording, from, to } = TIME_RANGE.exec(name)?.groups ?? {};
  return Number(from) < Number(to) ? recording : undefined;
}

/** One line that names examples; what to do follows it. @param recordings at least one */
export function cutsWarning(recordings: readonly (readonly NamedClip[])[]): string {
  const [first = []] = recordings;
  const names = first.slice(0, EXAMPLES).map(({ className, name }) => `${className}/${name}`);
  const more = first.length > EXAMPLES ? ', …' : '';
  const clips = recordings.reduce((sum, cuts) => sum + cuts.length, 0);
  return `Names that look like cuts of one recording, which may be in train and test both: ${String(clips)} clips of ${String(recordings.length)} recording${recordings.length === 1 ? '' : 's'} (${names.join(', ')}${more})`;
}
