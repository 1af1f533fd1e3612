/** The fusions there are, by name. */
import type { FusionName } from '../../../schemas/config.ts';
import { createConcat } from './concat.ts';
import { createFilm } from './film.ts';
import type { CreateFusion } from './fusion.ts';
import { createGated } from './gated.ts';
import { createLate } from './late.ts';
import { createSum } from './sum.ts';

export const FUSION_OF: Readonly<Record<FusionName | 'late', CreateFusion>> = {
  concat: createConcat,
  sum: createSum,
  film: createFilm,
  gated: createGated,
  late: createLate,
};
