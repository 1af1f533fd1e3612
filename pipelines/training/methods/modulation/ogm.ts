/**
 * OGM, on-the-fly gradient modulation (Peng et al., CVPR 2022, eq. 8–10) without the noise of OGM-GE, whatever
 * `training.ogm.ge` says.
 */
import type { CreateMethod } from '../method.ts';
import { createOgmGe } from './ogm-ge.ts';

export const createOgm: CreateMethod = (training, modalities) =>
  createOgmGe({ ...training, ogm: { ...training.ogm, ge: false } }, modalities);
