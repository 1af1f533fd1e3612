/**
 * The training methods' names, their hyper-parameters (`training.<group>` of the config) and what each can be trained
 * on. What they do is in `pipelines/training/methods/`.
 */
import { z } from 'zod';
import type { Modality } from '../modality.ts';
import { pluginNameSchema } from './plugins.ts';
import { balanceSchema } from './method-settings/balance.ts';
import { lfmSchema } from './method-settings/lfm.ts';
import { boostingProblem, reconBoostSchema, type BoostingTarget } from './method-settings/reconboost.ts';

const share = z.number().min(0).max(1);
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
  'ogm',
  'input-mixup',
  'manifold-mixup',
  'opm',
  'mmcosine',
  'lfm',
  'cml',
] as const;
export type BuiltInMethod = (typeof METHODS)[number];
/** One of ours, or one that a plug-in brings. */
export const methodSchema = z.union([z.enum(METHODS), pluginNameSchema]);
export type MethodName = z.infer<typeof methodSchema>;

export const FUSIONS = ['concat', 'sum', 'film', 'gated'] as const;
export const fusionSchema = z.union([z.enum(FUSIONS), pluginNameSchema]);
export type BuiltInFusion = (typeof FUSIONS)[number];
export type FusionName = z.infer<typeof fusionSchema>;

/** Hyper-parameters by group; the defaults are the papers' or, where a docstring says so, their authors' code's. */
export const methodSettings = {
  /** MM and B-MM, and input-mixup: what λ is drawn from. */
  mixup: z
    .strictObject({
      /** λ is drawn from Beta(alpha, alpha). */
      alpha: positive.default(1),
    })
    .prefault({}),
  /** B-MM, and what it is taken apart by. */
  balance: balanceSchema.prefault({}),
  /** OGM and OGM-GE: the modality that leads is slowed. */
  ogm: z
    .strictObject({
      /** How strongly. */
      alpha: z.number().min(0).default(0.8),
      /** The first epoch that is modulated, from 0. */
      startEpoch: z.int().min(0).default(0),
      /** The last one that is. */
      endEpoch: z.int().min(0).default(50),
      /** Generalisation enhancement: the Gaussian noise of OGM-GE. */
      ge: z.boolean().default(true),
    })
    .prefault({}),
  /** PMR: prototypes help the modality that is behind. */
  pmr: z
    .strictObject({
      /** Of the prototypes' loss. */
      alpha: z.number().min(0).default(1),
      /** Share of the older prototypes in the new ones. */
      momentum: z.number().min(0).max(1).default(0.2),
      /** The first epoch with that loss, from 0. */
      startEpoch: z.int().min(0).default(0),
      /** The last one with it. */
      endEpoch: z.int().min(0).default(100),
    })
    .prefault({}),
  /** AGM: each modality's gradient is slowed or sped up by how far it leads. */
  agm: z
    .strictObject({
      /** How strongly. */
      alpha: z.number().min(0).default(1),
      /** The first epoch that is modulated, from 0. */
      startEpoch: z.int().min(0).default(0),
      /** The authors' 20th; after it the coefficients of its last step stay in force, as in their code. */
      endEpoch: z.int().min(0).default(19),
    })
    .prefault({}),
  /** MMPareto: a direction that serves all losses. */
  mmPareto: z
    .strictObject({
      /** Of the encoders' joined gradients. */
      gamma: positive.default(1.5),
    })
    .prefault({}),
  /** UMT: teachers of one modality each. */
  umt: z
    .strictObject({
      /** Of the distance to the teachers. */
      weight: z.number().min(0).default(10),
    })
    .prefault({}),
  /** MLA: modalities take turns. */
  mla: z
    .strictObject({
      /** What the modalities' logits are weighed by when a clip is judged. */
      weighting: z.enum(['entropy', 'mean']).default('entropy'),
    })
    .prefault({}),
  /** ReconBoost: modalities are trained in turns, each on what the others leave over. */
  reconBoost: reconBoostSchema.prefault({}),
  /** Manifold mixup: mixes at a depth that is drawn. */
  manifoldMixup: z
    .strictObject({
      /** λ is drawn from Beta(alpha, alpha). */
      alpha: positive.default(2),
      /** Where a step may mix; one of them is drawn each time. */
      depths: z
        .array(z.enum(['input', 'feature']))
        .min(1)
        .default(['input', 'feature']),
    })
    .prefault({}),
  /** OPM: the modality that leads is dropped now and then. */
  opm: z
    .strictObject({
      /** q_base: probability of dropping a modality that is just ahead. */
      dropBase: share.default(0.5),
      /** How much it grows with ρ. */
      lambda: z.number().min(0).default(0.5),
      /** p_exe: share of the steps that are modulated. */
      executeShare: share.default(0.7),
      /** From 0; plain joint training before. */
      startEpoch: z.int().min(0).default(6),
    })
    .prefault({}),
  /** MMCosine: features and weights are of length 1. */
  mmcosine: z
    .strictObject({
      /** What cosines are multiplied by before the softmax. */
      scale: positive.default(10),
    })
    .prefault({}),
  /** LFM: different modalities are drawn together. */
  lfm: lfmSchema.prefault({}),
  /** CML: more modalities should not make the model less confident. */
  cml: z
    .strictObject({
      /** Of the ranking loss beside cross-entropy. */
      weight: z.number().min(0).default(0.1),
    })
    .prefault({}),
};

/** Trainings by other methods, otherwise the same, that a method builds on: they are done first. */
export const METHOD_NEEDS = {
  'g-blending': ['unimodal', 'joint'],
  umt: ['unimodal'],
} as const satisfies Partial<Record<MethodName, readonly MethodName[]>>;

/** What a method cannot do without. Absent: any number of modalities, any fusion. */
interface MethodLimits {
  readonly modalities?: { readonly min: number; readonly max?: number; readonly why: string };
  readonly fusions?: { readonly allowed: readonly FusionName[]; readonly why: string };
  readonly validation?: { readonly why: string; readonly when?: (target: MethodTarget) => boolean };
}

const METHOD_LIMITS: Readonly<Partial<Record<MethodName, MethodLimits>>> = {
  'b-mm': {
    validation: {
      why: 'training.balance.rhoFrom is validation, and ρ is measured there',
      when: ({ rhoFrom }) => rhoFrom === 'validation',
    },
  },
  pmr: { modalities: { min: 2, why: 'it helps the modality that is behind another' } },
  agm: { modalities: { min: 2, why: 'it slows one modality against another' } },
  reconboost: { modalities: { min: 2, why: 'it trains each modality on what the others leave over' } },
  opm: { modalities: { min: 2, why: 'the one that is ahead is dropped' } },
  mmcosine: {
    fusions: { allowed: ['concat', 'sum'], why: 'its logits are a sum of one cosine for each modality' },
  },
  lfm: { modalities: { min: 2, why: 'different modalities are drawn together' } },
  cml: { modalities: { min: 2, why: 'confidence is compared with that without a modality' } },
};

export interface MethodTarget {
  readonly modalities: readonly Modality[];
  readonly fusion: FusionName;
  /** Share of the training list that is set aside for validation. */
  readonly validationShare: number;
  /** `training.balance.rhoFrom` */
  readonly rhoFrom: 'train' | 'validation';
  /** Absent: whether its stages fit is not asked. */
  readonly boosting?: BoostingTarget;
}

/** Why a method cannot be trained on this, as the end of a sentence about its name; nothing when it can. */
export function methodProblem(method: MethodName, target: MethodTarget): string | undefined {
  const { modalities, fusions, validation } = METHOD_LIMITS[method] ?? {};
  const count = target.modalities.length;
  if (modalities !== undefined && (count < modalities.min || count > (modalities.max ?? Infinity))) {
    const wanted =
      modalities.max === modalities.min ? '' : modalities.max === undefined ? 'at least ' : 'up to ';
    const number = modalities.max ?? modalities.min;
    return `it needs ${wanted}${String(number)} modalities, and extraction.modalities has ${String(count)}: ${modalities.why}`;
  }
  if (fusions !== undefined && !fusions.allowed.includes(target.fusion)) {
    return `it needs training.fusion ${fusions.allowed.join(' or ')}, which is ${target.fusion}: ${fusions.why}`;
  }
  if (validation !== undefined && target.validationShare === 0 && validation.when?.(target) !== false) {
    return `it needs a validation split, and dataset.validationShare is 0: ${validation.why}`;
  }
  return method === 'reconboost' && target.boosting !== undefined
    ? boostingProblem(target.boosting, count)
    : undefined;
}
