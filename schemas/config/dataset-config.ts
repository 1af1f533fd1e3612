/** `dataset` of the config: where the clips and their labels are. */
import { z } from 'zod';
import { foldSchema } from './folds.ts';

const share = z.number().min(0).max(1);
const count = z.int().positive();

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

/** Fields every dataset format has. */
const datasetBase = {
  /**
   * Share of the training list set aside for validation, by hash: whole groups (speakers, source videos) where no
   * group of the test is in train, else clips, class by class.
   */
  validationShare: share.default(0.1),
  /** A made fold in place of the dataset's own split; an experiment's `folds` fill it in. */
  fold: foldSchema.optional(),
};

export const datasetConfigSchema = z.discriminatedUnion('format', [
  /** `root/<class>/**` (split by hash) or `root/{train,test}/<class>/**`. */
  z.strictObject({
    format: z.literal('folder'),
    ...datasetBase,
    root: z.string(),
    testShare: share.default(0.2),
    /**
     * Clips of one recording, or person, must be in one split. `recordings`, or absent: clips in a folder below their class
     * (`root/<class>/<recording>/*`) are one group each; `ignored`: such folders mean nothing.
     */
    subfolders: z.enum(['recordings', 'ignored']).optional(),
    /**
     * A regular expression on the clip's path below the root (and split folder) without its extension, such as
     * `walk/park_03`: the first group in parentheses, or all that it matches, names the clip's recording.
     * `^(.+)_\d+$`: all but a number at the end; `/(s\d+)_`: a speaker, in whatever class.
     */
    groupPattern: z.string().refine(isPattern, 'it is no regular expression').optional(),
    /** Fixes the classes and their order; absent: the folders' names, sorted. */
    classes: z.array(z.string()).min(2).optional(),
  }),
  /** A table with a header: `path,label[,split][,id][,group][,start][,end][,audio_path]`. */
  z.strictObject({
    format: z.literal('csv'),
    ...datasetBase,
    file: z.string(),
    /** Paths in the table are relative to this folder; absent: the table's own. */
    root: z.string().optional(),
    testShare: share.default(0.2),
    classes: z.array(z.string()).min(2).optional(),
  }),
  z.strictObject({
    format: z.literal('crema-d'),
    ...datasetBase,
    /** Holds `VideoFlash` and `AudioWAV`. */
    root: z.string(),
    /** `train.csv` and `test.csv` (`id,LABEL`); needed for `split: lists`. */
    trainList: z.string().optional(),
    testList: z.string().optional(),
    /** `lists`: the field's split, all speakers in both; `speakers`: no speaker in two splits. */
    split: z.enum(['lists', 'speakers']).default('lists'),
    testShare: share.default(0.1),
  }),
  z.strictObject({
    format: z.literal('kinetics-sounds'),
    ...datasetBase,
    root: z.string(),
    trainList: z.string(),
    testList: z.string(),
    /** Names of the classes by index, one a line; absent: the labels as the lists give them. */
    classList: z.string().optional(),
  }),
  z.strictObject({
    format: z.literal('ucf-101'),
    ...datasetBase,
    /** Holds `UCF-101` and `ucfTrainTestlist`. */
    root: z.string(),
    splitNumber: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(1),
  }),
  /** The embedded data: spoken and drawn digits, made by ffmpeg under `root` when missing. */
  z.strictObject({
    format: z.literal('digits'),
    ...datasetBase,
    root: z.string(),
    seed: z.int().nonnegative().default(0),
    trainClips: count.default(240),
    testClips: count.default(120),
    /**
     * Who speaks: `espeak` (over 50 voices, flite's among them), `flite` (its few, shifted), `packaged` (as `espeak`, of npm
     * packages, with no program of the system); absent: `espeak` where all is installed that it needs, else `packaged`.
     */
    speech: z.enum(['espeak', 'flite', 'packaged']).optional(),
    /** How informative each modality is: 1 is clean, 0 is noise only. */
    audioClarity: share.default(0.7),
    videoClarity: share.default(0.7),
  }),
]);
export type DatasetConfig = z.infer<typeof datasetConfigSchema>;
