import type { Provenance } from '../../../../schemas/summary.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable, factList, sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import type { ModelHistory } from '../../history.ts';
import { columns } from './parts.ts';

/** From any figure back to what made it: version → training, dataset version, weights. */
export function provenanceSection({ model, versions }: ModelHistory, provenance: Provenance): Html {
  const facts: readonly (readonly [string, string])[] = [
    ['Versions', storePaths.modelVersions(model)],
    ['Moves', storePaths.modelMoves(model)],
    ['Windows', storePaths.retrainWindows(model)],
    ['Current, for other programs', storePaths.currentModel(model)],
    ['Code', provenance.codeVersion],
    ['Engine', provenance.engine],
    ['Machine', provenance.machine],
  ];
  return markup`${sectionHeading(
    'provenance',
    'Provenance',
    markup`Every figure above is in the registry’s records, which name what they follow from; all of it is in the store.`,
  )}
    <h3>Make it again</h3>
    <pre class="command" tabindex="0"><code>${provenance.command}</code></pre>
    ${factList(facts, 'long')}
    ${dataTable(
      'Versions and what they are made of',
      columns('Version', 'Training', 'Method', ['Seed', 'number'], 'Dataset version', 'Weights', 'SHA-256'),
      versions.map(
        ({ version, trainingId, method, seed, dataset, weights }) =>
          markup`<tr>
            <th scope="row">${version}</th>
            <td><code>${storePaths.run(trainingId)}</code></td>
            <td>${method}</td>
            <td class="number">${seed}</td>
            <td><code>${dataset.name}/${dataset.version}</code></td>
            <td><code>${weights.path}</code></td>
            <td><code>${weights.sha256}</code></td>
          </tr>`,
      ),
    )}`;
}
