/** A table of planned contrasts for a terminal. Pure. */
import {
  contrastScope,
  intervalText,
  leastPNote,
  pText,
  pointsText,
} from '../../pipelines/experiments/contrast-text.ts';
import type { ContrastSet } from '../../schemas/config/contrasts.ts';
import { textTable } from './text-table.ts';

/** Differences in points with 95 % intervals; p of the sign-flip test over groups, corrected within the table. */
export function contrastText(set: ContrastSet): string {
  const { contrasts } = set;
  const unit = contrasts.some(({ groups }) => groups.unit === 'group') ? 'groups' : 'clips';
  const table = textTable({
    header: [
      'contrast',
      'points',
      '95 % over blocks',
      'blocks',
      `95 % over ${unit}, bootstrap`,
      't',
      `p ${unit}`,
      'Holm',
      unit,
    ],
    rows: contrasts.map(({ first, second, difference, blocks, groups }) => [
      `${first} − ${second}`,
      pointsText(difference),
      blocks.interval === undefined ? '–' : intervalText(blocks.interval),
      String(blocks.count),
      groups.bootstrap === undefined ? '–' : intervalText(groups.bootstrap),
      groups.interval === undefined ? '–' : intervalText(groups.interval),
      pText(groups.p),
      pText(groups.holm),
      String(groups.count),
    ]),
  });
  const note = leastPNote(set);
  const title = `Planned contrasts, ${contrastScope(set)}: difference of test accuracy in points`;
  return [title, table, ...(note === undefined ? [] : [note])].join('\n');
}
