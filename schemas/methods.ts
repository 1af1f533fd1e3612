/**
 * The training methods' names, their hyper-parameters (`training.<group>` of the config) and what each can be trained
 * on. What they do is in `pipelines/training/methods/`.
 */
import { z } from 'zod';
import type { Modality } from './modality.ts';

const positive = z.number().positive();

export const METHODS = [
  'unimodal',
  'joint',
  'mm',
  'b-mm',
  'ogm-ge',
  'g-blending',
  'pmr',
  'agm',
  'mmpareto',
  'umt',
  'mla',
  'reconboost',
] as const;
export const methodSchema = z.enum(METHODS);
export type MethodName = z.infer<typeof methodSchema>;

export const FUSIONS = ['concat', 'sum', 'film', 'gated'] as const;
export const fusionSchema = z.enum(FUSIONS);
export type FusionName = z.infer<typeof fusionSchema>;

/** Hyper-parameters by group; the defaults are the papers' or, where a docstring says so, their authors' code's. */
export const methodSettings = {
  mixup: z.strictObject({ alpha: positive.default(1) }).prefault({}),
  balance: z.strictObject({ gamma: z.number().min(0).default(0.1) }).prefault({}),
  ogm: z
    .strictObject({
      alpha: z.number().min(0).default(0.8),
      startEpoch: z.int().min(0).default(0),
      endEpoch: z.int().min(0).default(50),
      /** Generalisation enhancement: the Gaussian noise of OGM-GE. */
      ge: z.boolean().default(true),
    })
    .prefault({}),
  pmr: z
    .strictObject({
      /** Of the prototypes' loss. */
      alpha: z.number().min(0).default(1),
      /** Share of the older prototypes in the new ones. */
      momentum: z.number().min(0).max(1).default(0.2),
      startEpoch: z.int().min(0).default(0),
      endEpoch: z.int().min(0).default(100),
    })
    .prefault({}),
  agm: z.strictObject({ alpha: z.number().min(0).default(1) }).prefault({}),
  mmPareto: z
    .strictObject({
      /** Of the encoders' joined gradients. */
      gamma: positive.default(1.5),
    })
    .prefault({}),
  umt: z
    .strictObject({
      /** Of the distance to the teachers. */
      weight: z.number().min(0).default(10),
    })
    .prefault({}),
  mla: z
    .strictObject({
      /** What the modalities' logits are weighed by when a clip is judged. */
      weighting: z.enum(['entropy', 'mean']).default('entropy'),
    })
    .prefault({}),
  reconBoost: z
    .strictObject({
      /** Of a stage: epochs of one modality alone, then epochs of all. */
      boostEpochs: z.int().positive().default(4),
      rectifyEpochs: z.int().min(0).default(4),
      targetWeight: positive.default(5),
      ensembleWeight: z.number().min(0).default(1),
      agreement: z.number().min(0).default(0.5),
    })
    .prefault({}),
};

/** What a method cannot do without. Absent: any number of modalities, any fusion. */
interface MethodLimits {
  readonly modalities?: { readonly min: number; readonly max?: number; readonly why: string };
  readonly fusions?: { readonly allowed: readonly FusionName[]; readonly why: string };
}

const METHOD_LIMITS: Readonly<Partial<Record<MethodName, MethodLimits>>> = {
  pmr: { modalities: { min: 2, why: 'it helps the modality that is behind another' } },
  agm: { modalities: { min: 2, why: 'it slows one modality against another' } },
  reconboost: { modalities: { min: 2, why: 'it trains each modality on what the others leave over' } },
};

export interface MethodTarget {
  readonly modalities: readonly Modality[];
  readonly fusion: FusionName;
}

/** Why a method cannot be trained on this, as the end of a sentence about its name; nothing when it can. */
export function methodProblem(method: MethodName, { modalities, fusion }: MethodTarget): string | undefined {
  const limits = METHOD_LIMITS[method] ?? {};
  const count = modalities.length;
  if (limits.modalities !== undefined) {
    const { min, max = Infinity, why } = limits.modalities;
    if (count < min)
      return `it needs at least ${String(min)} modalities, and there is ${String(count)}: ${why}`;
    if (count > max)
      return `it works with up to ${String(max)} modalities, and there are ${String(count)}: ${why}`;
  }
  if (limits.fusions?.allowed.includes(fusion) === false) {
    return `it needs training.fusion ${limits.fusions.allowed.join(' or ')}, not ${fusion}: ${limits.fusions.why}`;
  }
  return undefined;
}
