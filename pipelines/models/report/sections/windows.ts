import type { ModelVersion, RetrainWindow, WindowOutcome } from '../../../../schemas/retrain.ts';
import type { StreamCounts } from '../../../../schemas/stream.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable, sectionHeading, whole } from '../../../evaluation/report/sections/parts.ts';
import type { ModelHistory } from '../../history.ts';
import { verdictOf } from '../../verdict.ts';
import { columns, minute } from './parts.ts';

const REASONS: Readonly<Record<RetrainWindow['reason'], string>> = {
  clips: 'enough clips',
  time: 'time was up',
  asked: 'asked for',
};

/** What each window brought, and what became of it. */
export function windowsSection({ windows, versions, outcomes }: ModelHistory): Html {
  return markup`${sectionHeading(
    'windows',
    'Windows',
    markup`A window is what came by stream between two trainings. Duplicates, replaced rows and dead letters are
      counted from one window’s end to the next one’s, by the sink: what an ingest worker turned away
      before it is on the dead-letter topic.`,
  )}
    ${
      windows.length === 0
        ? markup`<p class="note">No window has closed yet.</p>`
        : dataTable(
            'Windows',
            columns(
              'Window',
              'Closed, UTC',
              'Because',
              ['Clips in', 'number'],
              ['Duplicates', 'number'],
              ['Replaced', 'number'],
              ['Dead letters', 'number'],
              'Became',
            ),
            windows.map((window) =>
              rowOf(
                window,
                versions.find((version) => version.window === window.number),
                outcomes.get(window.number),
              ),
            ),
          )
    }`;
}

/** Two rows: the window's figures, and below them what the gate said, or why nothing was learnt. */
function rowOf(
  window: RetrainWindow,
  version: ModelVersion | undefined,
  outcome: WindowOutcome | undefined,
): Html {
  const { from, to, number, closedAt, reason, newClips } = window;
  const grown = (count: keyof StreamCounts) => whole((to.counts[count] ?? 0) - (from.counts[count] ?? 0));
  const skipped = version === undefined && outcome !== undefined ? [outcome.note] : [];
  const reasons = version?.decision?.reasons ?? skipped;
  return markup`<tr>
      <th scope="row">${number}</th>
      <td>${minute(closedAt)}</td>
      <td>${REASONS[reason]}</td>
      <td class="number">${whole(newClips)}</td>
      <td class="number">${grown('duplicates')}</td>
      <td class="number">${grown('superseded')}</td>
      <td class="number">${grown('deadLetters')}</td>
      <td>${version === undefined ? (outcome === undefined ? 'being learned' : 'skipped') : `version ${String(version.version)}, ${verdictOf(version) || 'not judged'}`}</td>
    </tr>
    ${
      reasons.length === 0
        ? undefined
        : markup`<tr class="why">
            <td></td>
            <td colspan="7" class="prose">${reasons.map((sentence) => markup`<p>${sentence}</p>`)}</td>
          </tr>`
    }`;
}
