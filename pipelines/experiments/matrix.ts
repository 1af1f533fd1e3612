/** An experiment's matrix: the runs that it consists of, and their cells. Pure. */
import { methodTargetOf, type RunConfig } from '../../schemas/config/config.ts';
import type { ExperimentConfig } from '../../schemas/config/experiment.ts';
import { methodProblem, type FusionName, type MethodName } from '../../schemas/config/methods.ts';
import { runIdOf } from '../config/run-id.ts';

/** Cells that differ in method and seed only: an ordinary run. */
export interface CellGroup {
  readonly runId: string;
  readonly dataset: string;
  readonly condition: string;
  readonly fusion: FusionName;
  /** With the methods that fit; nothing to train when there are none. */
  readonly config: RunConfig;
  readonly unfit: readonly { readonly method: MethodName; readonly reason: string }[];
}

/** Datasets change slowest, then conditions, then fusions. */
export function groupsOf(config: ExperimentConfig): CellGroup[] {
  const { base, methods, seeds, conditions } = config;
  const datasets = config.datasets ?? [{ name: base.name, dataset: base.dataset }];
  return datasets.flatMap(({ name, dataset }) =>
    conditions.flatMap((condition) =>
      (config.fusions ?? [base.training.fusion]).map((fusion): CellGroup => {
        const target = methodTargetOf({ ...base, dataset, training: { ...base.training, fusion } });
        const judged = methods.map((method) => ({ method, reason: methodProblem(method, target) }));
        const data = condition.data ?? base.training.data;
        const { data: _, ...training } = base.training;
        const run: RunConfig = {
          ...base,
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
          condition: condition.name,
          fusion,
          config: run,
          unfit: judged.flatMap(({ method, reason }) => (reason === undefined ? [] : [{ method, reason }])),
        };
      }),
    ),
  );
}
