/**
 * What other programs send to and get from our workflows, as schemas: docs/contract.schema.json is made of them. The types
 * stay those of `workflows.ts` and `progress.ts`; the compiler holds the two together.
 */
import { z } from 'zod';
import { methodSchema } from './config/methods.ts';
import { datasetReferenceSchema } from './manifest.ts';
import { STAGES, type Progress, type StageProgress } from './progress.ts';
import type {
  RebuildAndTrainInput,
  RebuildAndTrainOutput,
  RebuildDatasetOutput,
  RunReference,
  StreamRetrainInput,
} from './workflows.ts';

/** Of an interface with optional fields what a schema with optional fields gives. */
type Loose<T> = { [K in keyof T]: undefined extends T[K] ? T[K] | undefined : T[K] };

const runReference = {
  storeUri: z.string().describe('file:/… or s3://…, the same for all workers'),
  runId: z
    .string()
    .regex(/^[\w.-]+$/u)
    .describe('the config is in the store at runs/<runId>/config.json'),
  heartbeatTimeoutMs: z
    .int()
    .min(1_000)
    .optional()
    .describe('a worker silent for longer is lost; default 15,000'),
  shardsInFlight: z.int().positive().optional().describe('of a rebuild, at once; default 32'),
};
const trainings = {
  source: z.enum(['dataset', 'stream']).optional().describe('default: dataset'),
  methods: z.array(methodSchema).min(1),
  seeds: z.array(z.int().nonnegative()).min(1),
};

const runReferenceSchema = z.strictObject(runReference) satisfies z.ZodType<Loose<RunReference>>;
const rebuildAndTrainInputSchema = z.strictObject({ ...runReference, ...trainings }) satisfies z.ZodType<
  Loose<Omit<RebuildAndTrainInput, 'scheduled'>>
>;
const streamRetrainInputSchema = z.strictObject({
  ...runReference,
  ...trainings,
  model: z.string().describe('its name in the registry'),
}) satisfies z.ZodType<Loose<Omit<StreamRetrainInput, 'scheduled' | 'carried' | 'historyEvents'>>>;

const rebuildDatasetOutputSchema = z.object({
  dataset: datasetReferenceSchema,
  shards: z.int(),
  shardsBuilt: z.int(),
  clips: z.int(),
  clipsReused: z.int(),
  quarantined: z.int(),
}) satisfies z.ZodType<RebuildDatasetOutput>;
const rebuildAndTrainOutputSchema = z.object({
  dataset: datasetReferenceSchema,
  trainingIds: z.array(z.string()).describe('methods × seeds, in their order'),
  report: z.string().describe('path in the store'),
  summary: z.string().describe('path in the store'),
}) satisfies z.ZodType<RebuildAndTrainOutput>;

const progressSchema = z.object({
  runId: z.string(),
  state: z.enum(['running', 'paused', 'completed', 'failed', 'cancelled']),
  stages: z.array(
    z.object({
      stage: z.enum(STAGES),
      label: z.string().describe('for a person: train b-mm seed 0'),
      state: z.enum(['pending', 'running', 'done']),
      done: z.number(),
      total: z.number(),
      unit: z.enum(['clips', 'steps', 'samples', 'items']),
      reused: z.number().optional(),
      ratePerS: z.number().optional(),
      etaS: z.number().optional(),
      loss: z.number().optional(),
      epoch: z.number().optional(),
      epochs: z.number().optional(),
      note: z.string().optional(),
    }),
  ),
  children: z.array(z.string()).describe('workflow ids, which answer the same query'),
  note: z.string().optional(),
}) satisfies z.ZodType<Loose<Omit<Progress, 'stages'>> & { stages: Loose<StageProgress>[] }>;

const SCHEMAS = {
  RunReference: runReferenceSchema,
  RebuildAndTrainInput: rebuildAndTrainInputSchema,
  RebuildAndTrainOutput: rebuildAndTrainOutputSchema,
  RebuildDatasetOutput: rebuildDatasetOutputSchema,
  StreamRetrainInput: streamRetrainInputSchema,
  Progress: progressSchema,
} as const;

/** JSON Schema (draft 2020-12) with each of them in `$defs`. */
export function contractJsonSchema(): object {
  const $defs = Object.entries(SCHEMAS).map(([name, schema]) => {
    const { $schema: _schema, ...own } = z.toJSONSchema(schema, { io: 'input' });
    return [name, own] as const;
  });
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $defs: Object.fromEntries($defs) };
}
