import type { ExperimentSummary } from '../../../../schemas/config/experiment.ts';
import { storePaths } from '../../../../schemas/names.ts';
import type { Provenance } from '../../../../schemas/summary.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { factList, sectionHeading } from '../../../evaluation/report/sections/parts.ts';

/** From any figure back to what made it. */
export function provenanceSection(
  { experimentId, datasets }: ExperimentSummary,
  { codeVersion, engine, machine, command }: Provenance,
): Html {
  return markup`${sectionHeading(
    'provenance',
    'Provenance',
    markup`Every figure above follows from the files below, all in the store; the result has a row for each training and
      metric, with the training’s id.`,
  )}
  <h3>Make it again</h3>
  <pre class="command" tabindex="0"><code>${command}</code></pre>
  ${factList(
    [
      ['Matrix', storePaths.experimentConfig(experimentId)],
      ['Result, Arrow', storePaths.experimentArrow(experimentId)],
      ['Result, CSV', storePaths.experimentCsv(experimentId)],
      ['Summary', storePaths.experimentSummary(experimentId)],
      ...datasets.flatMap(({ name, version, versions = [{ name, version: version ?? 'not built' }] }) =>
        versions.map((one) => [`Dataset ${one.name}`, one.version] as const),
      ),
      ['Code', codeVersion],
      ['Engine', engine],
      ['Machine', machine],
    ],
    'long',
  )}`;
}
