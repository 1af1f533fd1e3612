/** The fusions there are, by name. */
import type { BuiltInFusion, FusionName } from '../../../../schemas/config/methods.ts';
import { isPluginName } from '../../../../schemas/config/plugins.ts';
import { pluginPart } from '../../../plugins/registry.ts';
import { createConcat } from './concat.ts';
import { createFilm } from './film.ts';
import type { CreateFusion } from './fusion.ts';
import { createGated } from './gated.ts';
import { createLate } from './late.ts';
import { createSum } from './sum.ts';

/** A fusion by name, or one that a method brings along. */
export type ModelFusion = FusionName | 'late' | NamedFusion;

export interface NamedFusion {
  /** Unlike any other fusion's: models of the same name have the same parameters. */
  readonly name: string;
  readonly create: CreateFusion;
  /** What it depends on besides its parameters, for who computes it another way. */
  readonly settings?: Readonly<Record<string, number | string>>;
}

export const FUSION_OF: Readonly<Record<BuiltInFusion | 'late', CreateFusion>> = {
  concat: createConcat,
  sum: createSum,
  film: createFilm,
  gated: createGated,
  late: createLate,
};

export function namedFusion(fusion: ModelFusion): NamedFusion {
  if (typeof fusion !== 'string') return fusion;
  if (!isPluginName(fusion)) return { name: fusion, create: FUSION_OF[fusion] };
  return { name: fusion, create: pluginPart('fusions', fusion) as CreateFusion };
}
