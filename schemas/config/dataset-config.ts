/** `dataset` of the config: where the clips and their labels are. */
import { z } from 'zod';
import { foldSchema } from './folds.ts';
import { pluginNameSchema, pluginReferenceSchema } from './plugins.ts';

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

const builtInSchema = z.discriminatedUnion('format', [
  /** `root/<class>/**` (split by hash) or `root/{train,test}/<class>/**`; `pipelines/datasets/folders/` says what is a clip. */
  z.strictObject({
    /** How the dataset names its clips: one folder a class. */
    format: z.literal('folder'),
    ...datasetBase,
    /** The folder of the classes, or of `train` and `test`. */
    root: z.string(),
    /**
     * Share of the clips that becomes the test split, by hash of the group, or of the clip; where the folders do
     * not say.
     */
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
  /** A table with a header: `path,label[,split][,id][,group][,start][,end][,audio_path][,features:<name>]…`. */
  z.strictObject({
    /** A table names the clips: `path,label[,split][,id][,group][,start][,end][,audio_path]`. */
    format: z.literal('csv'),
    ...datasetBase,
    /** The table, with a header. */
    file: z.string(),
    /** Paths in the table are relative to this folder; absent: the table's own. */
    root: z.string().optional(),
    /**
     * Share of the clips that becomes the test split, by hash of the group, or of the clip; where the table has no
     * split.
     */
    testShare: share.default(0.2),
    /** Fixes the classes and their order; absent: the labels of the table, sorted. */
    classes: z.array(z.string()).min(2).optional(),
  }),
  z.strictObject({
    /** CREMA-D as it is published. */
    format: z.literal('crema-d'),
    ...datasetBase,
    /** The folder that holds `VideoFlash` and `AudioWAV`. */
    root: z.string(),
    /** `train.csv`, the clips to train on (`id,LABEL`); needed for `split: lists`. */
    trainList: z.string().optional(),
    /** `test.csv`, the clips to test on, likewise. */
    testList: z.string().optional(),
    /** `lists`: the field's split, all speakers in both; `speakers`: no speaker in two splits. */
    split: z.enum(['lists', 'speakers']).default('lists'),
    /** Of `split: speakers`: share of the speakers that are tested. */
    testShare: share.default(0.1),
  }),
  z.strictObject({
    /** Kinetics-Sounds, by lists of clips. */
    format: z.literal('kinetics-sounds'),
    ...datasetBase,
    /** The folder of the clips. */
    root: z.string(),
    /** The list of the clips to train on. */
    trainList: z.string(),
    /** The list of the clips to test on. */
    testList: z.string(),
    /** Names of the classes by index, one a line; absent: the labels as the lists give them. */
    classList: z.string().optional(),
  }),
  z.strictObject({
    /** UCF-101 as it is published. */
    format: z.literal('ucf-101'),
    ...datasetBase,
    /** The folder that holds `UCF-101` and `ucfTrainTestlist`. */
    root: z.string(),
    /** Which of the three published splits. */
    splitNumber: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(1),
  }),
  /** The embedded data: spoken and drawn digits, made by ffmpeg under `root` when missing. */
  z.strictObject({
    /** The embedded data, made here. */
    format: z.literal('digits'),
    ...datasetBase,
    /** The folder that they are made in. */
    root: z.string(),
    /** Other seeds make other clips. */
    seed: z.int().nonnegative().default(0),
    /** Clips to train on, those held out for validation among them. */
    trainClips: count.default(240),
    /** Clips to test on, of voices and typefaces that are never trained on. */
    testClips: count.default(120),
    /**
     * Who speaks: `espeak` (over 50 voices, flite's among them), `flite` (its few, shifted), `packaged` (as `espeak`, of npm
     * packages, with no program of the system); absent: `espeak` where all is installed that it needs, else `packaged`.
     */
    speech: z.enum(['espeak', 'flite', 'packaged']).optional(),
    /** How informative the sound is: 1 is clean, 0 is noise only. */
    audioClarity: share.default(0.7),
    /** The same of the pictures. */
    videoClarity: share.default(0.7),
  }),
]);

export const datasetConfigSchema = z.union([
  builtInSchema,
  /** One that a plug-in reads, with the plug-in's settings. */
  z.strictObject({
    format: pluginNameSchema,
    ...datasetBase,
    root: z.string(),
    /** Of clips to which the plug-in gives no split. */
    testShare: share.default(0.2),
    /** Filled in when the config is read. */
    plugin: pluginReferenceSchema.optional(),
  }),
]);
export type DatasetConfig = z.infer<typeof datasetConfigSchema>;
export type BuiltInDatasetConfig = z.infer<typeof builtInSchema>;
