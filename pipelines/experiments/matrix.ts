/** An experiment's matrix: the runs that it consists of, and their cells. Pure. */
import { methodTargetOf, type RunConfig } from '../../schemas/config/config.ts';
import type { ExperimentConfig } from '../../schemas/config/experiment.ts';
import { methodProblem, type FusionName, type MethodName } from '../../schemas/config/methods.ts';
import { datasetsOf, foldsOf } from './folds.ts';
import { runIdOf } from '../config/run-id.ts';

/** Cells that differ in method and seed only: an ordinary run. */
export interface CellGroup {
  readonly runId: string;
  readonly dataset: string;
  /** Absent: its dataset has no folds. */
  readonly fold?: string;
  readonly condition: string;
  readonly fusion: FusionName;
  /** With the methods that fit; nothing to train when there are none. */
  readonly config: RunConfig;
  readonly unfit: readonly { readonly method: MethodName; readonly reason: string }[];
}

/** What has to be built for a group: groups with the same clips, splits and extraction share it. */
export interface Build {
  /** For a person. */
  readonly name: string;
  /** Of the first group that needs it; its run builds it. */
  readonly runId: string;
}

/** In the order in which groups first need them, and for each group its build's place. */
export function buildsOf(groups: readonly CellGroup[]): {
  readonly builds: readonly Build[];
  readonly buildOf: (group: CellGroup) => number;
} {
  const keyOf = ({ dataset, config: { dataset: source, extraction } }: CellGroup) =>
    JSON.stringify([dataset, source, extraction]);
  const firsts = new Map<string, CellGroup>();
  for (const group of groups) if (!firsts.has(keyOf(group))) firsts.set(keyOf(group), group);
  const keys = [...firsts.keys()];
  return {
    builds: [...firsts.values()].map((group) => ({ name: sourceName(group), runId: group.runId })),
    buildOf: (group) => keys.indexOf(keyOf(group)),
  };
}

/** `av-mnist, fold test-george` */
export function sourceName({
  dataset,
  fold,
}: {
  readonly dataset: string;
  readonly fold?: string | undefined;
}): string {
  return fold === undefined ? dataset : `${dataset}, fold ${fold}`;
}

/** Datasets change slowest, then folds, conditions and fusions. */
export function groupsOf(config: ExperimentConfig): CellGroup[] {
  const { base, methods, seeds, conditions } = config;
  const datasets = datasetsOf(config).flatMap(({ name, dataset, folds }) =>
    foldsOf(dataset, folds).map((one) => ({ ...one, name })),
  );
  return datasets.flatMap(({ name, fold, dataset }) =>
    conditions.flatMap((condition) =>
      (config.fusions ?? [base.training.fusion]).map((fusion): CellGroup => {
        const target = methodTargetOf({ ...base, dataset, training: { ...base.training, fusion } });
        const judged = methods.map((method) => ({ method, reason: methodProblem(method, target) }));
        const data = condition.data ?? base.training.data;
        const { data: _, ...training } = base.training;
        const { disturb = base.extraction.disturb } = condition.extraction ?? {};
        const run: RunConfig = {
          ...base,
          extraction: { ...base.extraction, ...(disturb === undefined ? {} : { disturb }) },
          name,
          dataset,
          training: {
            ...training,
            ...(data === undefined ? {} : { data }),
            methods: judged.filter(({ reason }) => reason === undefined).map(({ method }) => method),
            seeds,
            fusion,
          },
        };
        return {
          runId: runIdOf(run),
          dataset: name,
          ...(fold === undefined ? {} : { fold }),
          condition: condition.name,
          fusion,
          config: run,
          unfit: judged.flatMap(({ method, reason }) => (reason === undefined ? [] : [{ method, reason }])),
        };
      }),
    ),
  );
}
