/**
 * UCF-101 as published: `UCF-101/<Class>/v_<Class>_g01_c01.avi`, and in `ucfTrainTestlist` the lists
 * `classInd.txt` (`<n> <Class>`, from 1), `trainlist0N.txt` (`<Class>/<file> <n>`), `testlist0N.txt`
 * (`<Class>/<file>`).
 */
import { basename, join, relative, resolve } from 'node:path';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { countedNames } from '../names-tally.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { listFiles } from '../list-files.ts';
import { indexByStem, isMediaFile, stemOf } from '../media-files.ts';
import { withoutCase } from '../one-form.ts';
import { lineError, readList } from '../read-list.ts';

type Ucf101Config = Extract<DatasetConfig, { format: 'ucf-101' }>;

interface Entry {
  readonly id: string;
  readonly label: number;
  readonly split: 'train' | 'test';
  /** The number behind the name says another class than the folder does. */
  readonly disputed: boolean;
}

export const ucf101: DatasetAdapter<Ucf101Config> = {
  async findClips(config) {
    const root = resolve(config.root);
    const lists = join(root, 'ucfTrainTestlist');
    const videos = join(root, 'UCF-101');
    const classNames = await readClasses(join(lists, 'classInd.txt'));
    const number = `0${String(config.splitNumber)}`;
    const entries = [
      ...(await readEntries(join(lists, `trainlist${number}.txt`), 'train', classNames)),
      ...(await readEntries(join(lists, `testlist${number}.txt`), 'test', classNames)),
    ];
    const files = (await listFiles(videos, { where: "dataset.root (UCF-101's clips)" })).filter(isMediaFile);
    const { byStem } = indexByStem(files);
    const fileOf = withoutCase(byStem);
    const used = new Set(entries.map(({ id }) => fileOf(id)));
    const recased = entries.filter(({ id }) => !byStem.has(id) && fileOf(id) !== undefined);
    const disputed = entries.filter((entry) => entry.disputed).map(({ id }) => id);
    return {
      classNames,
      clips: entries.flatMap(({ id, label, split, disputed: unsure }): ListedClip[] => {
        const path = fileOf(id);
        if (path === undefined || unsure) return [];
        return [{ clipId: id, path, label, split, group: groupOf(id) }];
      }),
      splitRule: `split ${String(config.splitNumber)} of ucfTrainTestlist`,
      listed: entries.length,
      listedMissing: entries.map(({ id }) => id).filter((id) => fileOf(id) === undefined),
      unlisted: files
        .filter((path) => !used.has(byStem.get(stemOf(path))))
        .map((path) => relative(videos, path)),
      notes: [
        ...(disputed.length === 0
          ? []
          : [`Listed with a number that is not their folder's class, left out: ${countedNames(disputed)}.`]),
        ...(recased.length === 0
          ? []
          : [
              `Found under a name that has capitals elsewhere than the lists: ${countedNames(recased.map(({ id }) => id))}.`,
            ]),
      ],
      where: root,
    };
  },
};

async function readClasses(file: string): Promise<string[]> {
  return (await readList(file, 'dataset.root (ucfTrainTestlist)')).map(({ number, text }, index) => {
    const [position = '', name = ''] = text.split(/\s+/u);
    if (Number(position) !== index + 1 || name === '') {
      throw lineError(
        file,
        number,
        `"${text}" is not class ${String(index + 1)}`,
        'Write "<n> <Class>", from 1.',
      );
    }
    return name;
  });
}

async function readEntries(
  file: string,
  split: 'train' | 'test',
  classNames: readonly string[],
): Promise<Entry[]> {
  const labelOf = withoutCase(new Map(classNames.map((name, label) => [name, label])));
  return (await readList(file, 'dataset.root (ucfTrainTestlist)')).map(({ number, text }) => {
    const [path = '', position] = text.split(/\s+/u);
    const [className = ''] = path.split('/');
    const label = labelOf(className);
    if (label === undefined) {
      throw lineError(file, number, `"${className}" is no class of classInd.txt`, 'Write "<Class>/<file>".');
    }
    const index = position === undefined ? label : Number(position) - 1;
    if (classNames[index] === undefined) {
      throw lineError(
        file,
        number,
        `"${position ?? ''}" is no class number`,
        `The numbers of classInd.txt are 1 to ${String(classNames.length)}.`,
      );
    }
    return { id: stemOf(basename(path)), label, split, disputed: index !== label };
  });
}

/** The source video: `v_Archery_g01_c03` is the third clip of `v_Archery_g01`. */
function groupOf(id: string): string {
  return id.replace(/_c\d+$/u, '');
}
