/** The methods there are, by name. */
import type { MethodName } from '../../../schemas/config.ts';
import { createBmm } from './b-mm.ts';
import { createJoint } from './joint.ts';
import type { CreateMethod } from './method.ts';
import { createMm } from './mm.ts';
import { createOgmGe } from './ogm-ge.ts';
import { createUnimodal } from './unimodal.ts';

export const METHOD_OF: Readonly<Record<MethodName, CreateMethod>> = {
  unimodal: createUnimodal,
  joint: createJoint,
  mm: createMm,
  'b-mm': createBmm,
  'ogm-ge': createOgmGe,
};
