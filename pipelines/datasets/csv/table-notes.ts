/** What a person should know of a table. */
import { relative } from 'node:path';
import { isFeatures } from '../../../schemas/modality-names.ts';
import type { ListedClip } from '../dataset-adapter.ts';
import { countedNames, NamesTally, type CountedNames } from '../names-tally.ts';
import { cutsOfOneRecording, cutsWarning, type NamedClip } from '../recordings.ts';
import { COLUMNS } from './read-table.ts';

/** Names that are compared with each other. */
const NAMES_COMPARED = 2 ** 17;

export class TableNotes {
  readonly #root: string;
  readonly #withoutSound = new NamesTally();
  readonly #lacking = new NamesTally();
  readonly #withoutMedia = new NamesTally();
  readonly #first: Pick<ListedClip, 'path' | 'label' | 'group'>[] = [];
  #clips = 0;

  constructor(root: string) {
    this.#root = root;
  }

  look(clip: ListedClip, used: ListedClip | undefined, present: ReadonlySet<string>): void {
    const { clipId, path, label, group, audioPath, features = {} } = clip;
    this.#clips += 1;
    if (this.#first.length < NAMES_COMPARED) {
      this.#first.push({ path, label, ...(group === undefined ? {} : { group }) });
    }
    if (audioPath !== undefined && !present.has(audioPath)) this.#withoutSound.add(clipId);
    if (Object.values(features).some((one) => !present.has(one))) this.#lacking.add(clipId);
    if (used !== undefined && !present.has(path)) this.#withoutMedia.add(clipId);
  }

  /**
   * @param classOf of a label of the clips that were looked at
   * @param isPiece whether the file is known to be cut into several clips
   */
  all(
    columns: readonly string[],
    classOf: (label: number) => string,
    isPiece: (path: string) => boolean,
  ): string[] {
    const sentence = (what: string, names: CountedNames) =>
      names.count === 0 ? [] : [`${what}: ${countedNames(names)}.`];
    const unused = columns.filter(
      (name) => !(COLUMNS as readonly string[]).includes(name) && !isFeatures(name),
    );
    return [
      ...(unused.length === 0 ? [] : [`Columns that are not used: ${countedNames(unused)}.`]),
      ...sentence(
        'Clips whose audio_path is missing, used with their own sound',
        this.#withoutSound.counted(),
      ),
      ...sentence('Clips with a file of features that is missing', this.#lacking.counted()),
      ...sentence('Clips whose media are missing, used with their features', this.#withoutMedia.counted()),
      ...(columns.includes('group') || columns.includes('split') ? [] : this.#cuts(classOf, isPiece)),
    ];
  }

  #cuts(classOf: (label: number) => string, isPiece: (path: string) => boolean): string[] {
    const names = this.#first
      .filter(({ path, group }) => group === undefined && !isPiece(path))
      .map(({ path, label }): NamedClip => ({
        name: relative(this.#root, path).replace(/\.[^./]*$/u, ''),
        className: classOf(label),
      }));
    const recordings = cutsOfOneRecording(names);
    if (recordings.length === 0) return [];
    const looked = this.#clips > NAMES_COMPARED ? ` (among the first ${String(NAMES_COMPARED)})` : '';
    return [
      `${cutsWarning(recordings)}${looked}: give the table a column group that names each clip's recording.`,
    ];
  }
}
