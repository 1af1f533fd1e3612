/** The methods there are, by name. */
import type { MethodName } from '../../../schemas/config.ts';
import { createAgm } from './agm.ts';
import { createBmm } from './b-mm.ts';
import { createGBlending } from './g-blending.ts';
import { createCml } from './cml.ts';
import { createInputMixup } from './input-mixup.ts';
import { createJoint } from './joint.ts';
import { createLfm } from './lfm.ts';
import { createManifoldMixup } from './manifold-mixup.ts';
import type { CreateMethod } from './method.ts';
import { createMla } from './mla.ts';
import { createMm } from './mm.ts';
import { createMmPareto } from './mmpareto.ts';
import { createPmr } from './pmr.ts';
import { createReconBoost } from './reconboost.ts';
import { createUmt } from './umt.ts';
import { createMmcosine } from './mmcosine.ts';
import { createOgm } from './ogm.ts';
import { createOgmGe } from './ogm-ge.ts';
import { createOpm } from './opm.ts';
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
