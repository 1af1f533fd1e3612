/** What the curves over an experiment's conditions are drawn from. Pure. */
import { plannedContrasts } from '../../../schemas/config/contrasts.ts';
import type { ExperimentConfig, ExperimentSummary } from '../../../schemas/config/experiment.ts';
import { mean } from './sections/parts.ts';
import type { ConditionCurves } from './experiment-data.ts';

/** More lines than this cannot be told apart: then those of the planned contrasts alone, if there are any. */
const MOST_LINES = 8;

/** Nothing where there is one condition only. */
export function conditionCurves(
  config: ExperimentConfig,
  { rows }: Pick<ExperimentSummary, 'rows'>,
): ConditionCurves | undefined {
  const conditions = config.conditions.map(({ name }) => name);
  if (conditions.length < 2) return undefined;
  const planned = new Set(plannedContrasts(config).flat());
  const few = config.methods.length <= MOST_LINES || planned.size === 0;
  const drawn = config.methods.filter((method) => few || planned.has(method));
  const titleOf = ({ dataset, fusion }: (typeof rows)[number]) => `${dataset}, ${fusion}`;
  const charts = [...new Set(rows.map(titleOf))].map((title) => ({
    title,
    methods: drawn.flatMap((method) => {
      const own = rows.filter((row) => row.method === method && titleOf(row) === title);
      if (own.length === 0) return [];
      const accuracy = conditions.map(
        (name) =>
          mean(own.filter(({ condition }) => condition === name).map((row) => row.accuracy.mean)) ?? null,
      );
      return [{ method, index: config.methods.indexOf(method), accuracy }];
    }),
  }));
  return charts.length === 0 ? undefined : { conditions, charts };
}
