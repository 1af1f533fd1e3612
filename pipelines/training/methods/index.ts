/** The methods there are, by name. */
import type { BuiltInMethod } from '../../../schemas/config/methods.ts';
import { isPluginName } from '../../../schemas/config/plugins.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { pluginPart } from '../../plugins/registry.ts';
import { createAgm } from './modulation/agm.ts';
import { createBmm } from './mixup/b-mm.ts';
import { createGBlending } from './g-blending.ts';
import { createCml } from './cml.ts';
import { createInputMixup } from './mixup/input-mixup.ts';
import { createJoint } from './joint.ts';
import { createLfm } from './lfm.ts';
import { createManifoldMixup } from './mixup/manifold-mixup.ts';
import type { CreateMethod, Method } from './method.ts';
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

export const METHOD_OF: Readonly<Record<BuiltInMethod, CreateMethod>> = {
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

/** @throws ModalmixError `config` when a plug-in's method is asked for and no plug-in in use brings it */
export function methodOf({ method: name, training, modalities }: MethodSpec): Method {
  if (!isPluginName(name)) return METHOD_OF[name](training, modalities);
  const create = pluginPart('methods', name) as CreateMethod;
  return create(training, modalities);
}
type MethodSpec = Pick<TrainingSpec, 'method' | 'training' | 'modalities'>;
