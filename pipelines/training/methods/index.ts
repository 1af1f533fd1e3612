/** The methods there are, by name. */
import type { MethodName } from '../../../schemas/config/methods.ts';
import { createAgm } from './modulation/agm.ts';
import { createBmm } from './mixup/b-mm.ts';
import { createGBlending } from './g-blending.ts';
import { createCml } from './cml.ts';
import { createInputMixup } from './mixup/input-mixup.ts';
import { createJoint } from './joint.ts';
import { createLfm } from './lfm.ts';
import { createManifoldMixup } from './mixup/manifold-mixup.ts';
import type { CreateMethod } from './method.ts';
import { createMla } from './mla.ts';
import { createMm } from './mixup/mm.ts';
import { createMmPareto } from './modulation/mmpareto.ts';
import { createPmr } from './pmr.ts';
import { createReconBoost } from './reconboost.ts';
import { createUmt } from './umt.ts';
import { createMmcosine } from './mmcosine.ts';
import { createOgm } from './modulation/ogm.ts';
import { createOgmGe } from './modulation/ogm-ge.ts';
import { createOpm } from './modulation/opm.ts';
import { createUnimodal } from './unimodal.ts';

export const METHOD_OF: Readonly<Record<MethodName, CreateMethod>> = {
  unimodal: createUnimodal,
  joint: createJoint,
  mm: createMm,
  'b-mm': createBmm,
  'ogm-ge': createOgmGe,
  'g-blending': createGBlending,
  pmr: createPmr,
  agm: createAgm,
  mmpareto: createMmPareto,
  umt: createUmt,
  mla: createMla,
  reconboost: createReconBoost,
  ogm: createOgm,
  'input-mixup': createInputMixup,
  'manifold-mixup': createManifoldMixup,
  opm: createOpm,
  mmcosine: createMmcosine,
  lfm: createLfm,
  cml: createCml,
};
