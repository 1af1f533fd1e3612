/**
 * B-MM, balanced multimodal mixup (Ma, Ding, Chen, arXiv 2510.10986): a ratio of its own for each modality, set from
 * the discrepancy ratios of the epoch before (`balance.ts`, our reading): what leads is mixed further, the others and
 * the label keep λ. The first epoch is MM.
 *
 * `training.balance` takes it apart: which rule sets the ratios, on which clips and when ρ is measured, which
 * modalities are mixed, and whose ratio mixes the label.
 */
import { z } from 'zod';
import { ModalmixError } from '../../../../schemas/errors.ts';
import { modalitySchema, type PerModality } from '../../../../schemas/modality.ts';
import { stepMix } from './balance.ts';
import { discrepancyRatios } from '../discrepancy.ts';
import { drawRatio } from './mixup.ts';
import type { CreateMethod, EpochEnd } from '../method.ts';
import { mixedStep } from './mixed-step.ts';

const stateSchema = z.strictObject({ rho: z.partialRecord(modalitySchema, z.number()) });

export const createBmm: CreateMethod = ({ mixup, balance }, modalities) => {
  let rho: Readonly<PerModality> = Object.fromEntries(modalities.map((modality) => [modality, 1]));
  return {
    forward: (model, batch, context) => {
      const draw = (modality?: string) =>
        drawRatio(context.random(modality === undefined ? 'lambda' : `lambda/${modality}`), mixup.alpha);
      const { ratios, label } = stepMix(draw, rho, balance);
      return mixedStep(model, batch, context, ratios, label);
    },
    onEpochEnd: (trained, end) => {
      if (balance.updates === 'first-epoch' && end.epoch > 0) return;
      rho = balance.rhoFrom === 'train' ? trained : heldOut(end);
    },
    state: {
      save: () => ({ rho }),
      restore: (saved) => {
        rho = stateSchema.parse(saved).rho;
      },
    },
  };
};

function heldOut({ validation }: EpochEnd): PerModality {
  if (validation !== undefined) return discrepancyRatios(validation.scores);
  throw new ModalmixError('config', 'ρ is to be measured on the validation split, which has no clip', {
    where: 'training.balance.rhoFrom',
    fix: 'Set it to "train", or give the dataset a validation split.',
  });
}
