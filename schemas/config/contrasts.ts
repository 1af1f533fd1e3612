/** The differences that an experiment was made to measure, named in advance, and what came out. */
import { z } from 'zod';
import { METHODS, methodSchema, type MethodName } from './methods.ts';

/** First minus second. */
export const plannedContrastSchema = z
  .tuple([methodSchema, methodSchema])
  .refine(([first, second]) => first !== second, 'it is a method minus itself: name two');
export type PlannedContrast = z.infer<typeof plannedContrastSchema>;

/** Does balancing add to mixing, mixing to joint training, both together, and does the best known rival? */
const USUAL: readonly PlannedContrast[] = [
  ['b-mm', 'mm'],
  ['mm', 'joint'],
  ['b-mm', 'joint'],
  ['ogm-ge', 'joint'],
];

/** Those that an experiment names, else the usual ones whose methods it has. */
export function plannedContrasts(config: {
  readonly contrasts?: readonly PlannedContrast[] | undefined;
  readonly methods: readonly MethodName[];
}): readonly PlannedContrast[] {
  return config.contrasts ?? USUAL.filter((pair) => pair.every((method) => config.methods.includes(method)));
}

/** What is wrong with a list of contrasts, by place. */
export function contrastProblems(
  contrasts: readonly PlannedContrast[],
  methods: readonly MethodName[],
): { readonly at: number; readonly message: string }[] {
  const keyOf = (pair: PlannedContrast) => [...pair].sort((a, b) => placeOf(a) - placeOf(b)).join();
  const keys = contrasts.map(keyOf);
  return contrasts.flatMap((pair, at) => {
    const strange = pair.find((method) => !methods.includes(method));
    if (strange !== undefined) return [{ at, message: `${strange} is not among the methods: add it there` }];
    return keys.indexOf(keys[at]!) === at ? [] : [{ at, message: 'it is there already: leave one out' }];
  });
}

/** At 95 %; shares. */
const intervalSchema = z.tuple([z.number(), z.number()]);

const testSchema = {
  /** Two-sided. */
  p: z.number(),
  /** After Holm's correction over the planned contrasts of the same scope, and no others. */
  holm: z.number(),
  /** The smallest p that a test of so many can give. */
  leastP: z.number(),
};

export const contrastSchema = z.strictObject({
  first: methodSchema,
  second: methodSchema,
  /** Mean over blocks of the first's accuracy minus the second's, a share. */
  difference: z.number(),
  /** Trainings that differ in the method alone: dataset or fold × seed × condition × fusion. */
  blocks: z.strictObject({
    count: z.int(),
    /** Student's t over blocks; absent with one block. */
    interval: intervalSchema.optional(),
    /** Wilcoxon's signed-rank test. */
    ...testSchema,
  }),
  /** Test clips by speaker, source, … (the clips' `group`). */
  groups: z.strictObject({
    /** `clip`: the data name no groups, so each clip is taken for itself. */
    unit: z.enum(['group', 'clip']),
    count: z.int(),
    /** Percentiles of a bootstrap that draws whole groups; absent with one group. */
    bootstrap: intervalSchema.optional(),
    /** Student's t with the cluster-robust error (CR1); absent with one group. */
    interval: intervalSchema.optional(),
    /** Sign-flip test, exact: a group has one sign over all its clips, on all trainings. */
    ...testSchema,
  }),
});
export type Contrast = z.infer<typeof contrastSchema>;

/** What was compared: everything, or what is named. */
export const contrastSetSchema = z.strictObject({
  dataset: z.string().optional(),
  condition: z.string().optional(),
  contrasts: z.array(contrastSchema),
});
export type ContrastSet = z.infer<typeof contrastSetSchema>;

/** Those of plug-ins come first. */
function placeOf(method: MethodName): number {
  return METHODS.findIndex((one) => one === method);
}
