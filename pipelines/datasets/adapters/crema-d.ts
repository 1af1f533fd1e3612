/**
 * CREMA-D: `VideoFlash/<id>.flv` and `AudioWAV/<id>.wav`, ids like `1001_DFA_ANG_XX` (speaker, sentence,
 * emotion, intensity). Lists and class order as in OGM-GE's `data/CREMAD`: `id,LABEL`, no header, CRLF.
 */
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DatasetConfig } from '../../../schemas/config/dataset-config.ts';
import { ModalmixError } from '../../../schemas/errors.ts';
import { countedNames } from '../names-tally.ts';
import type { DatasetAdapter, ListedClip } from '../dataset-adapter.ts';
import { compareText, listFiles } from '../list-files.ts';
import { indexByStem } from '../media-files.ts';
import { lineError, readList } from '../read-list.ts';

type CremaDConfig = Extract<DatasetConfig, { format: 'crema-d' }>;

const EMOTIONS = ['NEU', 'HAP', 'SAD', 'FEA', 'DIS', 'ANG'] as const;
const ID = /^(?<speaker>\d{4})_[A-Z]{3}_(?<emotion>[A-Z]{3})_[A-Z]{1,2}$/u;

interface Entry {
  readonly id: string;
  readonly label: number;
  readonly split?: 'train' | 'test';
}

export const cremaD: DatasetAdapter<CremaDConfig> = {
  async findClips(config) {
    const root = resolve(config.root);
    const video = indexByStem(
      await listFiles(join(root, 'VideoFlash'), { where: "dataset.root (CREMA-D's VideoFlash)" }),
    ).byStem;
    const audio = indexByStem(
      await listFiles(join(root, 'AudioWAV'), { where: "dataset.root (CREMA-D's AudioWAV)" }),
    ).byStem;
    const files = new Set([...video.keys(), ...audio.keys()]);
    const strange = [...files].filter((id) => emotionOf(id) === undefined);
    const entries = config.split === 'lists' ? await readLists(config, root) : entriesOf(files);
    const listed = new Set(entries.map(({ id }) => id));

    const clips = entries.flatMap(({ id, label, split }): ListedClip[] => {
      const path = video.get(id) ?? audio.get(id);
      if (path === undefined) return [];
      const audioPath = video.has(id) ? audio.get(id) : undefined;
      return [
        {
          clipId: id,
          path,
          ...(audioPath === undefined ? {} : { audioPath }),
          label,
          ...(split === undefined ? {} : { split }),
          group: speakerOf(id),
        },
      ];
    });
    const ids = clips.map(({ clipId }) => clipId);
    const note = (text: string, names: readonly string[]) =>
      names.length === 0 ? [] : [`${text}: ${countedNames(names)}.`];
    return {
      classNames: EMOTIONS,
      clips,
      splitRule:
        config.split === 'lists'
          ? "the lists (the field's split: speakers may be in both)"
          : `speaker-disjoint; test: ${String(config.testShare)} by hash of the speaker`,
      ...(config.split === 'speakers' ? { testShare: config.testShare } : {}),
      listed: entries.length,
      listedMissing: entries.map(({ id }) => id).filter((id) => !files.has(id)),
      unlisted: [...files].filter((id) => !listed.has(id)).sort(compareText),
      notes: [
        ...note(
          'Without a video file, used with sound alone',
          ids.filter((id) => !video.has(id)),
        ),
        ...note(
          "Without a file in AudioWAV, used with the video file's sound",
          ids.filter((id) => !audio.has(id)),
        ),
        ...note(
          'Listed with another emotion than their name says',
          entries
            .filter(({ id, label }) => EMOTIONS[label] !== ID.exec(id)?.groups?.emotion)
            .map(({ id }) => id),
        ),
        ...note("Files that are not named as CREMA-D's", strange),
      ],
      where: root,
    };
  },
};

/** Every file whose name has an emotion. */
function entriesOf(ids: ReadonlySet<string>): Entry[] {
  return [...ids].flatMap((id) => {
    const label = emotionOf(id);
    return label === undefined ? [] : [{ id, label }];
  });
}

async function readLists(config: CremaDConfig, root: string): Promise<Entry[]> {
  const files = [
    ['train', await listFile(config.trainList, root, 'train')],
    ['test', await listFile(config.testList, root, 'test')],
  ] as const;
  return (await Promise.all(files.map(async ([split, file]) => await readEntries(file, split)))).flat();
}

/** The one that was named, or `<root>/<split>.csv` when that is there. */
async function listFile(named: string | undefined, root: string, split: 'train' | 'test'): Promise<string> {
  if (named !== undefined) return resolve(named);
  const usual = join(root, `${split}.csv`);
  try {
    await access(usual);
    return usual;
  } catch {
    throw new ModalmixError('config', `there is no ${split} list, and no file ${usual}`, {
      where: `dataset.${split}List`,
      fix: 'Name the list (id,LABEL a line), or set dataset.split to speakers, which needs none.',
    });
  }
}

async function readEntries(file: string, split: 'train' | 'test'): Promise<Entry[]> {
  return (await readList(file, `dataset.${split}List`)).map(({ number, text }) => {
    const [id = '', emotion = ''] = text.split(/[,;\t]/u).map((cell) => cell.trim());
    const label = EMOTIONS.findIndex((name) => name === emotion.toUpperCase());
    if (label === -1) {
      throw lineError(
        file,
        number,
        `"${emotion}" is no class`,
        `The classes are ${EMOTIONS.join(', ')}: write id,CLASS.`,
      );
    }
    return { id, label, split };
  });
}

function emotionOf(id: string): number | undefined {
  const label = EMOTIONS.findIndex((name) => name === ID.exec(id)?.groups?.emotion);
  return label === -1 ? undefined : label;
}

function speakerOf(id: string): string {
  return id.split('_')[0] ?? id;
}
