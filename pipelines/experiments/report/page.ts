/** The page of an experiment: what stands on it, in reading order. Pure, but for the bundling of its script. */
import type { ExperimentRow } from '../../../schemas/config/experiment.ts';
import { renderShell } from '../../evaluation/report/shell.ts';
import { conditionCurves } from './curves.ts';
import type { ExperimentData } from './experiment-data.ts';
import type { ExperimentPageInput } from './page-input.ts';
import { comparisonSection } from './sections/comparison.ts';
import { conditionsSection } from './sections/conditions.ts';
import { contrastsSection } from './sections/contrasts.ts';
import { costSection } from './sections/cost.ts';
import { headerSection } from './sections/header.ts';
import { provenanceSection } from './sections/provenance.ts';
import { resultsSection } from './sections/results.ts';
import { runsSection } from './sections/runs.ts';
import { testsSection } from './sections/tests.ts';

export async function renderExperiment(input: ExperimentPageInput): Promise<string> {
  const { config, summary } = input;
  const data = experimentData(input);
  return await renderShell({
    title: config.name,
    header: headerSection(input),
    sections: [
      { id: 'contrasts', name: 'Planned contrasts', body: contrastsSection(input) },
      { id: 'results', name: 'Results', body: resultsSection(input) },
      { id: 'comparison', name: 'Comparison', body: comparisonSection(input) },
      { id: 'cost', name: 'Cost', body: costSection(data) },
      ...(config.conditions.length > 1
        ? [{ id: 'conditions', name: 'Conditions', body: conditionsSection(input, data) }]
        : []),
      { id: 'tests', name: 'Test conditions', body: testsSection(input) },
      { id: 'runs', name: 'Runs', body: runsSection(input) },
      { id: 'provenance', name: 'Provenance', body: provenanceSection(summary, input.provenance) },
    ],
    data,
    client: new URL('client/main.ts', import.meta.url),
  });
}

function experimentData({ config, summary }: ExperimentPageInput): ExperimentData {
  const compared = summary.rows.filter(({ condition }) => condition === config.conditions[0]!.name);
  const several = new Set(compared.map(whereOf)).size > 1;
  const { ranking } = summary;
  const curves = conditionCurves(config, summary);
  return {
    ...(curves === undefined ? {} : { curves }),
    cost: compared.map((row) => ({
      method: row.method,
      where: several ? whereOf(row) : '',
      index: config.methods.indexOf(row.method),
      accuracy: row.accuracy.mean,
      seconds: row.seconds.mean,
      peakMemoryMiB: row.peakMemoryMiB?.mean ?? null,
    })),
    ...(ranking === undefined
      ? {}
      : {
          ranking: {
            methods: ranking.ranks.map(({ method }) => method),
            ranks: ranking.ranks.map(({ rank }) => rank),
            criticalDifference: ranking.criticalDifference,
            groups: ranking.groups.map((group): readonly [number, number] => {
              const from = ranking.ranks.findIndex(({ method }) => method === group[0]);
              return [from, from + group.length - 1];
            }),
          },
        }),
  };
}

function whereOf({ dataset, fusion }: ExperimentRow): string {
  return `${dataset}, ${fusion}`;
}
