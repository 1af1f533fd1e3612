/**
 * B-MM, balanced multimodal mixup (Ma, Ding, Chen, arXiv 2510.10986): a ratio of its own for each modality, set from
 * the discrepancy ratios of the epoch before (`balance.ts`, our reading). The first epoch is MM.
 */
import { z } from 'zod';
import { modalitySchema } from '../../../schemas/modality.ts';
import { balanceRatios } from '../balance.ts';
import type { PerModality } from '../discrepancy.ts';
import { drawRatio } from '../mixup.ts';
import type { CreateMethod } from './method.ts';
import { mixedStep } from './mixed-step.ts';

const stateSchema = z.strictObject({ rho: z.partialRecord(modalitySchema, z.number()) });

export const createBmm: CreateMethod = (training, modalities) => {
  let rho: Readonly<PerModality> = Object.fromEntries(modalities.map((modality) => [modality, 1]));
  return {
    forward: (model, batch, context) => {
      const ratio = drawRatio(context.random('lambda'), training.mixup.alpha);
      return mixedStep(model, batch, context, balanceRatios(ratio, rho, training.balance.gamma));
    },
    onEpochEnd: (epochRho) => {
      rho = epochRho;
    },
    state: {
      save: () => ({ rho }),
      restore: (saved) => {
        rho = stateSchema.parse(saved).rho;
      },
    },
  };
};
