import { plannedContrasts, type Contrast, type ContrastSet } from '../../../../schemas/config/contrasts.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable, sectionHeading, whole } from '../../../evaluation/report/sections/parts.ts';
import { contrastScope, intervalText, leastPNote, pText, pointsText } from '../../contrast-text.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { numberCell } from './parts.ts';

const ALPHA = 0.05;

/** What the experiment was made to measure, before all else. */
export function contrastsSection({ config, summary }: ExperimentPageInput): Html {
  const { contrasts } = summary;
  const named = config.contrasts !== undefined;
  return markup`${sectionHeading(
    'contrasts',
    'Planned contrasts',
    markup`Differences of test accuracy in points, paired: same data, seed, condition and fusion, same test clips.
      ${named ? 'The config names them' : 'These four are planned where the config names none, as far as their methods are there'};
      p is corrected (Holm, 1979) over the contrasts of one table and no others.`,
  )}
  ${
    contrasts.length === 0
      ? markup`<p class="note">${plannedContrasts(config).length === 0 ? 'None is planned: the config names none, and has not the methods of a usual one.' : 'None can be measured yet: no two of their trainings are done.'}</p>`
      : markup`${contrasts.map(contrastTable)}
        <p class="note">
          <em>Over blocks</em>: a block is one dataset or fold, seed, condition and fusion; mean of the paired
          differences, Student’s t for the interval, Wilcoxon’s signed-rank test for p. It asks whether other
          trainings would say the same; blocks that share training data are not independent, so the interval is
          rather too narrow. <em>Over groups</em>: a group is a speaker or source that test clips come from; all
          its clips, on all trainings, stay together. The bootstrap draws whole groups (percentiles); with fewer than
          some fifteen it is too narrow, and Student’s t with the cluster-robust error (CR1) is the safer one. p is of
          the sign-flip test, exact: every group’s sum of differences takes either sign. It asks whether other
          speakers or sources would say the same. Groups weigh by their clips.
        </p>`
  }`;
}

function contrastTable(set: ContrastSet): Html {
  const head = [
    markup`<th scope="col">Contrast</th>`,
    ...[
      'Difference',
      '95 % blocks',
      'p blocks',
      'Holm',
      'Blocks',
      '95 % groups, bootstrap',
      '95 % groups, t',
      'p groups',
      'Holm',
      'Groups',
    ].map((name) => markup`<th scope="col" class="number">${name}</th>`),
  ];
  const notes = leastPNote(set);
  return markup`${dataTable(contrastScope(set), head, set.contrasts.map(contrastRow))}
    ${notes === undefined ? undefined : markup`<p class="note">${notes}</p>`}`;
}

function contrastRow({ first, second, difference, blocks, groups }: Contrast): Html {
  const cell = (interval: readonly [number, number] | undefined) =>
    numberCell(
      interval === undefined ? '–' : intervalText(interval),
      undefined,
      interval !== undefined && interval[0] * interval[1] > 0,
    );
  return markup`<tr>
    <th scope="row">${first} − ${second}</th>
    ${numberCell(pointsText(difference), undefined)}
    ${cell(blocks.interval)}
    ${numberCell(pText(blocks.p), undefined)}
    ${numberCell(pText(blocks.holm), undefined, blocks.holm < ALPHA)}
    ${numberCell(whole(blocks.count), undefined)}
    ${cell(groups.bootstrap)}
    ${cell(groups.interval)}
    ${numberCell(pText(groups.p), undefined)}
    ${numberCell(pText(groups.holm), undefined, groups.holm < ALPHA)}
    ${numberCell(groups.unit === 'group' ? whole(groups.count) : `${whole(groups.count)} clips`, undefined)}
  </tr>`;
}
