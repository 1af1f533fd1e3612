import { stringify } from 'yaml';
import { storePaths } from '../../../../schemas/names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportInput } from '../read-report-input.ts';
import { dataTable, factList, sectionHeading, whole } from './parts.ts';

/** From any figure back to what made it: run → trainings → config → shards' hashes → code. */
export function provenanceSection({ runId, config, manifest, provenance, trainings }: ReportInput): Html {
  const facts: readonly (readonly [string, string])[] = [
    ['Run', storePaths.run(runId)],
    ['Table as data', storePaths.summary(runId)],
    ['Dataset', `${manifest.name}, version ${manifest.version}`],
    ['Manifest', storePaths.manifest(manifest.name, manifest.version)],
    ['Extractor', manifest.extractorVersion],
    ['Code', provenance.codeVersion],
    ['Engine', provenance.engine],
    ['Machine', provenance.machine],
  ];
  return markup`${sectionHeading(
    'provenance',
    'Provenance',
    markup`Every figure above follows from the files named here, all in the store. On the same machine and
      number of threads the weights repeat bit for bit.`,
  )}
    <h3>Make it again</h3>
    <pre class="command" tabindex="0"><code>${provenance.command}</code></pre>
    ${factList(facts, 'long')}
    ${dataTable(
      'Trainings',
      [
        markup`<th scope="col">Folder in the store</th>`,
        markup`<th scope="col">Method</th>`,
        markup`<th scope="col" class="number">Seed</th>`,
        markup`<th scope="col" class="number">Epoch judged</th>`,
        markup`<th scope="col" class="number">Accuracy</th>`,
      ],
      trainings.map(
        ({ spec, evaluation }) =>
          markup`<tr>
            <th scope="row"><code>${storePaths.run(spec.trainingId)}</code></th>
            <td>${spec.method}</td>
            <td class="number">${spec.seed}</td>
            <td class="number">${evaluation.epoch}</td>
            <td class="number">${(100 * evaluation.fused.accuracy).toFixed(2)} %</td>
          </tr>`,
      ),
    )}
    <p class="note">
      In each of these folders, <code>metrics.jsonl</code> holds the curves and the balance,
      <code>evaluation.json</code> the scores, the confusion matrix, the robustness and the mistakes,
      <code>features</code> the features and their layouts as Arrow files,
      <code>config.json</code> all that the training depends on, and <code>model.safetensors</code> its weights.
    </p>
    <details>
      <summary>Shards: ${manifest.shards.length} files and their hashes</summary>
      ${dataTable(
        'Shards',
        [
          markup`<th scope="col">File</th>`,
          markup`<th scope="col" class="number">Clips</th>`,
          markup`<th scope="col" class="number">MiB</th>`,
          markup`<th scope="col">SHA-256</th>`,
        ],
        manifest.shards.map(
          ({ path, rows, bytes, sha256 }) =>
            markup`<tr>
              <th scope="row">${path}</th>
              <td class="number">${whole(rows)}</td>
              <td class="number">${(bytes / 2 ** 20).toFixed(1)}</td>
              <td><code>${sha256}</code></td>
            </tr>`,
        ),
      )}
    </details>
    <details>
      <summary>Config, with every default filled in</summary>
      <pre tabindex="0"><code>${stringify(config)}</code></pre>
    </details>`;
}
