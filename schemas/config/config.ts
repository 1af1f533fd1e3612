/**
 * The run's config: one YAML file, every field with its default, units in the names.
 * The static types follow from the schema; `parseConfig` turns a bad file into one message a field.
 */
import { z } from 'zod';
import { datasetConfigSchema } from './dataset-config.ts';
import { evaluationConfigSchema } from './evaluation-config.ts';
import { extractionConfigSchema } from './extraction-config.ts';
import { notifyConfigSchema } from './notify-config.ts';
import { pluginSchema } from './plugins.ts';
import { methodProblem, type MethodTarget } from './methods.ts';
import { streamConfigSchema } from './stream-config.ts';
import { trackingConfigSchema } from './tracking-config.ts';
import { precisionProblem, trainingConfigSchema } from './training-config.ts';
import { optionProblems } from './training-options.ts';
import { stored } from '../versions.ts';

export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/u, 'use lower-case letters, digits, ".", "_" and "-", at most 63');

const runConfigFields = z.strictObject({
  /** What the run and its dataset are called in the store; lower-case letters, digits, ".", "_" and "-". */
  name: nameSchema,
  /** `file:<folder>` (relative ones start at the config file's folder) or `s3://<bucket>/<prefix>`. */
  store: z.string().default('file:.modalmix/store'),
  /** Files that bring methods, encoders, fusions, optimisers and datasets that are not built in. */
  plugins: z.array(pluginSchema).min(1).optional(),
  /** Where the clips and their labels are. */
  dataset: datasetConfigSchema,
  /** What is taken from a clip, and how it is stored. */
  extraction: extractionConfigSchema.prefault({}),
  /** What is trained, and how. */
  training: trainingConfigSchema.prefault({}),
  /** How a trained model is judged. */
  evaluation: evaluationConfigSchema.prefault({}),
  /** Absent: this config is about files only; streaming then uses the defaults. */
  stream: streamConfigSchema.optional(),
  /** Who is told when a run, an experiment or a search ends, and what a gate decides; absent: nobody. */
  notify: notifyConfigSchema.optional(),
  /** Where else trainings are written to; absent: nowhere. */
  tracking: trackingConfigSchema.optional(),
});

/** The fields, and that each method can be trained on the modalities and the fusion that are asked for. */
export const runConfigSchema = runConfigFields.superRefine((config, context) => {
  const target = methodTargetOf(config);
  for (const [at, method] of config.training.methods.entries()) {
    const message = methodProblem(method, target);
    if (message !== undefined)
      context.addIssue({ code: 'custom', path: ['training', 'methods', at], message });
  }
  const problem = precisionProblem(config.training.precision, config.training.engine);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: ['training', 'precision'], message: problem });
  const { methods, optimizer, schedule } = config.training;
  for (const { path, message } of optionProblems(config.training, {
    ...target,
    methods,
    optimizer,
    schedule,
  })) {
    context.addIssue({ code: 'custom', path: ['training', ...path], message });
  }
});
stored('config', runConfigSchema);
export type RunConfig = z.infer<typeof runConfigSchema>;

/** What of a run decides whether a method can be trained. */
export function methodTargetOf({
  dataset,
  extraction,
  training,
}: Pick<z.output<typeof runConfigFields>, 'dataset' | 'extraction' | 'training'>): MethodTarget {
  return {
    modalities: extraction.modalities,
    fusion: training.fusion,
    validationShare: dataset.validationShare,
    rhoFrom: training.balance.rhoFrom,
    boosting: training,
  };
}
