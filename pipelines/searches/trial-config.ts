/** A trial as a run's config: the base with its values filled in. Pure. */
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import type { MethodName, methodSettings } from '../../schemas/config/methods.ts';
import { isPluginName } from '../../schemas/config/plugins.ts';
import type { FieldValue, SearchConfig } from '../../schemas/config/search.ts';
import { canonicalJson } from '../training/training-spec.ts';
import { drawPoints, type Point } from './draw-points.ts';

type Group = { [key: string]: FieldValue };

/**
 * Which methods read a group of hyper-parameters (`training.<group>`). Every other field of `training` is read by all; a
 * plug-in's method, which is given all of them, may read any.
 */
const READ_BY: Readonly<Record<keyof typeof methodSettings, readonly MethodName[]>> = {
  mixup: ['mm', 'b-mm', 'input-mixup'],
  balance: ['b-mm'],
  ogm: ['ogm', 'ogm-ge'],
  pmr: ['pmr'],
  agm: ['agm'],
  mmPareto: ['mmpareto'],
  umt: ['umt'],
  mla: ['mla'],
  reconBoost: ['reconboost'],
  manifoldMixup: ['manifold-mixup'],
  opm: ['opm'],
  mmcosine: ['mmcosine'],
  lfm: ['lfm'],
  cml: ['cml'],
};

/** @param field dotted, below `training` */
export function isRead(field: string, method: MethodName): boolean {
  const group = field.split('.')[1]!;
  const readers: Readonly<Record<string, readonly MethodName[]>> = READ_BY;
  return isPluginName(method) || (readers[group]?.includes(method) ?? true);
}

export interface Trial {
  /** From 1; the same number is the same point for every method. */
  readonly trial: number;
  /** The fields that the method reads. */
  readonly values: Point;
}

/** The trials of a method, without those that differ from an earlier one in nothing that it reads. */
export function trialsOf({ space, seed, trials }: SearchConfig, method: MethodName): Trial[] {
  const seen = new Set<string>();
  const points = drawPoints(space, seed, trials).map((point, index): Trial => {
    const values = Object.fromEntries(Object.entries(point).filter(([field]) => isRead(field, method)));
    return { trial: index + 1, values };
  });
  return points.filter(({ values }) => {
    const key = canonicalJson(values);
    return !seen.has(key) && seen.add(key);
  });
}

/**
 * The config as a person would write it: only what the base says, and what was drawn.
 *
 * @param epochs of this training; undefined: those of the base, or those that are drawn
 */
export function trialConfig(
  { base, seeds }: Pick<SearchConfig, 'base' | 'seeds'>,
  method: MethodName,
  values: Point,
  epochs?: number,
): Group {
  // A group as a whole comes before the fields within it.
  const drawn = Object.entries(values).sort(([a], [b]) => a.split('.').length - b.split('.').length);
  const own: [string, FieldValue][] = [
    ...(epochs === undefined ? [] : [['training.epochs', epochs] satisfies [string, FieldValue]]),
    ['training.methods', [method]],
    ['training.seeds', [...seeds]],
    ['training.watchTest', false],
  ];
  return [...drawn, ...own].reduce(
    (group, [field, value]) => withField(group, field.split('.'), value),
    base,
  );
}

/** @throws ZodError when it is no run's config; those of a search that was loaded are */
export function trialRun(
  config: Pick<SearchConfig, 'base' | 'seeds'>,
  method: MethodName,
  values: Point,
  epochs?: number,
): RunConfig {
  return runConfigSchema.parse(trialConfig(config, method, values, epochs));
}

function withField(group: Readonly<Group>, [key, ...rest]: readonly string[], value: FieldValue): Group {
  if (rest.length > 0) {
    const below = group[key!];
    const inner = below !== null && typeof below === 'object' && !Array.isArray(below) ? below : {};
    return { ...group, [key!]: withField(inner, rest, value) };
  }
  const { [key!]: _, ...others } = group;
  return value === null ? others : { ...group, [key!]: value };
}
