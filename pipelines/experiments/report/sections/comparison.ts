import type { Pair, Ranking } from '../../../../schemas/config/experiment.ts';
import type { MethodName } from '../../../../schemas/config/methods.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { sectionHeading, whole } from '../../../evaluation/report/sections/parts.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { pText } from '../../contrast-text.ts';
import { numberCell, sortableTable } from './parts.ts';

/** Rem a method takes in the plot of ranks, and what its axis takes. */
const ROW_REM = 1.6;
const AXIS_REM = 3.5;
const ALPHA = 0.05;

/** Which differences can be trusted. */
export function comparisonSection({ config, summary }: ExperimentPageInput): Html {
  const { pairs, ranking } = summary;
  const condition = config.conditions[0]!.name;
  const told = pairs.filter(({ groups }) => groups.holm < ALPHA).length;
  return markup`${sectionHeading(
    'comparison',
    'Comparison',
    markup`Every pair, to look around in; what the experiment was made to ask stands under Planned contrasts.
      Under “${condition}”, methods are paired: same seeds, same test clips. Two questions are asked of each
      pair. Would other speakers or sources of test clips say the same of these trainings? And would other trainings?
      With many pairs some differ by chance, so p is corrected (Holm, 1979) over all pairs of a question.`,
  )}
  ${
    pairs.length === 0
      ? markup`<p class="note">There are no two methods to compare.</p>`
      : markup`<p class="note">
          ${whole(told)} of ${whole(pairs.length)} pairs are told apart by ${unitsOf(pairs)} of test clips at 5 %.
          ${trainingsNote(pairs)}
        </p>
        ${pairTable(pairs)}
        <p class="note">
          <em>Groups</em>: sign-flip test, exact. A group (speaker, source) counts by how often the first method
          names its clips right, over all seeds, minus how often the second does; if the methods were alike, either
          sign would be as likely. It keeps a group’s clips and seeds together, which are not independent. Where the
          data name no groups each clip is one; with one seed that is McNemar’s exact test. It says nothing about
          other seeds. <em>Trainings</em>: Wilcoxon’s signed-rank test over dataset × fusion × seed, exact,
          with mid-ranks for ties and without zeros. Seeds on one dataset share its clips, so it speaks of these
          datasets and not of others.
        </p>`
  }
  ${ranking === undefined ? markup`<p class="note">Ranks need two methods and two trainings of each.</p>` : rankingPart(ranking, config.methods)}`;
}

function unitsOf(pairs: readonly Pair[]): string {
  const { unit, count } = pairs.map(({ groups }) => groups).reduce((a, b) => (b.count > a.count ? b : a));
  return unit === 'group'
    ? `${whole(count)} groups`
    : `${whole(count)} single clips (the data name no groups)`;
}

function trainingsNote(pairs: readonly Pair[]): string {
  const most = Math.max(...pairs.map(({ trainings }) => trainings.count));
  const least = 2 ** (1 - most);
  return least * pairs.length < ALPHA
    ? ''
    : `With ${whole(most)} trainings a method the smallest p there can be is ${pText(least)}, before the correction: the trainings alone can tell no pair apart here; more seeds or datasets could.`;
}

function pairTable(pairs: readonly Pair[]): Html {
  return sortableTable(
    'Pairs of methods, difference of the mean accuracies in points',
    [
      { name: 'First', kind: 'text' },
      { name: 'Second', kind: 'text' },
      { name: 'Difference', kind: 'number' },
      { name: 'p groups', kind: 'number' },
      { name: 'p groups, Holm', kind: 'number' },
      { name: 'p trainings', kind: 'number' },
      { name: 'p trainings, Holm', kind: 'number' },
    ],
    [...pairs]
      .sort((a, b) => a.groups.p - b.groups.p || Math.abs(b.difference) - Math.abs(a.difference))
      .map(({ first, second, difference, groups, trainings }) => {
        const turned = difference < 0;
        return markup`<tr>
          <th scope="row">${turned ? second : first}</th>
          <td>${turned ? first : second}</td>
          ${numberCell(`+${(100 * Math.abs(difference)).toFixed(1)}`, Math.abs(difference))}
          ${numberCell(pText(groups.p), groups.p)}
          ${numberCell(pText(groups.holm), groups.holm, groups.holm < ALPHA)}
          ${numberCell(pText(trainings.p), trainings.p)}
          ${numberCell(pText(trainings.holm), trainings.holm, trainings.holm < ALPHA)}
        </tr>`;
      }),
  );
}

function rankingPart(
  { blocks, ranks, friedman, criticalDifference, groups }: Ranking,
  methods: readonly MethodName[],
): Html {
  const left = methods.filter((method) => ranks.every((ranked) => ranked.method !== method));
  const height = (AXIS_REM + ROW_REM * ranks.length).toFixed(1);
  const apart = friedman.p < ALPHA;
  return markup`<div class="below">
    <figure class="panel">
      <figcaption><h3>Mean ranks and critical difference</h3></figcaption>
      <div
        class="chart"
        style="height: ${height}rem"
        data-chart="ranking"
        role="img"
        aria-label="Plot of the mean rank of each method with an interval of the critical difference, and bars that join methods that are not told apart. The values follow as a table."
      ></div>
      <details class="values" data-values="ranking">
        <summary>Values as a table</summary>
        <div class="scroll" tabindex="0" role="region" aria-label="Mean ranks: values"></div>
      </details>
    </figure>
    <p class="note">
      Ranks of the accuracy within each dataset × fusion × seed, 1 is best, mean over ${whole(blocks)} (Demšar,
      2006). Friedman’s χ² is ${friedman.statistic.toFixed(1)}, p ${pText(friedman.p)}:
      ${apart ? 'some methods differ.' : 'the ranks alone do not show that any methods differ.'}
      Mean ranks that lie less than ${criticalDifference.toFixed(2)} apart (Nemenyi, 5 %) are not told apart: their
      intervals overlap, and a bar at the right joins each such group${groups.length === 1 ? '' : ` (${whole(groups.length)} of them)`}.
      Demšar’s blocks are independent datasets; seeds of one dataset are not, so with few datasets read this as a
      description.${left.length === 0 ? '' : ` Not ranked, since trainings of them are missing: ${left.join(', ')}.`}
    </p>
  </div>`;
}
