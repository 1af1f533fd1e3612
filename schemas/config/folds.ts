/** Folds: several ways to split one dataset, each clip tested in one of them. */
import { z } from 'zod';

/** Other seeds deal the groups out otherwise. */
const seed = z.int().nonnegative().default(0);

/**
 * `dataset.fold`: one made fold. All the dataset's clips are dealt out anew, its own split is not used. No group
 * (speaker, source) is in two splits, and classes are as evenly spread as groups allow. A clip without a group is one by
 * itself. `validationShare` of the rest, by groups, is set aside for validation.
 */
export const foldSchema = z.union([
  /** Fold `index` (from 0) of so many. */
  z.strictObject({
    /** How many folds the clips are dealt into. */
    of: z.int().min(2),
    /** Which of them is tested, from 0. */
    index: z.int().nonnegative(),
    seed,
  }),
  /** That group is the test split. */
  z.strictObject({
    /** The group whose clips are the test split. */
    testGroup: z.string().min(1),
    seed,
  }),
]);
export type Fold = z.infer<typeof foldSchema>;

/** `folds` of an experiment: one of the three. */
export const foldsSchema = z
  .strictObject({
    /** Lists for the format `csv`, one a fold; each with its own splits. They stand in for `dataset.file`. */
    files: z.array(z.string()).min(2).optional(),
    /** So many folds, grouped and stratified by class. */
    kFold: z.int().min(2).optional(),
    /** A fold a group: `each` there is (found when the experiment is started), or those named. */
    leaveOut: z.union([z.literal('each'), z.array(z.string().min(1)).min(2)]).optional(),
    /** Other seeds deal the groups out otherwise (`kFold`), and choose other ones for validation. */
    seed,
  })
  .refine(
    ({ files, kFold, leaveOut }) => [files, kFold, leaveOut].filter((one) => one !== undefined).length === 1,
    'give one of files, kFold and leaveOut',
  )
  .refine(({ files = [], leaveOut = [] }) => {
    return [files, leaveOut].every((names) => new Set(names).size === names.length);
  }, 'a fold is there twice: leave one out');
export type Folds = z.infer<typeof foldsSchema>;

/** How many; of `each` group not known yet, 1. */
export function foldCount({ files, kFold, leaveOut }: Folds): number {
  return files?.length ?? kFold ?? (leaveOut === 'each' || leaveOut === undefined ? 1 : leaveOut.length);
}
