/** Folders that are splits and no classes: the usual names, in any case. Pure. */
import type { Split } from '../../../schemas/clip.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

const NAMES: ReadonlyMap<string, Split | 'eval'> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['test', 'test'],
  ['testing', 'test'],
  ['val', 'validation'],
  ['valid', 'validation'],
  ['validation', 'validation'],
  ['dev', 'validation'],
  ['devel', 'validation'],
  ['development', 'validation'],
  // The test where there is no other; beside a test it could be either.
  ['eval', 'eval'],
  ['evaluation', 'eval'],
]);

/** `train_set`, `TestData`. */
function splitNamed(folder: string): Split | 'eval' | undefined {
  const name = folder.toLowerCase();
  return NAMES.get(name) ?? NAMES.get(name.replace(/[-_ ]?(?:set|split|data)$/u, ''));
}

export interface SplitFolders {
  /** By the folder's name; empty: the folders are classes. */
  readonly splits: ReadonlyMap<string, Split>;
  /** Folders that are taken for classes although they are called as splits are. */
  readonly doubtful: readonly string[];
}

/**
 * Folders are splits where there is one to train on and one to test with, or nothing but folders called as splits are,
 * one of them to train on; else all are classes.
 *
 * @param folders names at the top of the dataset
 * @param where the dataset's root, for the message
 * @throws ModalmixError `config` where both a test and an "eval" folder are there
 */
export function splitFolders(folders: readonly string[], where: string): SplitFolders {
  const named = folders.flatMap((folder) => {
    const split = splitNamed(folder);
    return split === undefined ? [] : [{ folder, split }];
  });
  const has = (split: Split | 'eval') => named.some((one) => one.split === split);
  const areSplits = has('train') && (has('test') || has('eval') || named.length === folders.length);
  if (!areSplits) return { splits: new Map(), doubtful: named.map(({ folder }) => folder) };
  if (has('eval') && has('test')) {
    const both = named.filter(({ split }) => split === 'test' || split === 'eval');
    throw new ModalmixError(
      'config',
      `${both.map(({ folder }) => folder).join(' and ')} could each be the test split`,
      { where, fix: 'Rename one of them to "validation", or move it away.' },
    );
  }
  return {
    splits: new Map(named.map(({ folder, split }) => [folder, split === 'eval' ? 'test' : split])),
    doubtful: [],
  };
}
