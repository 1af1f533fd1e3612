import type { ModelMove } from '../../../../schemas/retrain.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { dataTable, sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import { columns, minute } from './parts.ts';

const BY: Readonly<Record<ModelMove['by'], string>> = {
  first: 'first version',
  gate: 'gate',
  promote: 'promoted by hand',
  rollback: 'rolled back by hand',
};

/** The log of what was current, newest first. */
export function movesSection(moves: readonly ModelMove[]): Html {
  return markup`${sectionHeading(
    'moves',
    'Moves',
    markup`Every change of the current version, newest first. The registry keeps this log; nothing is taken out of it.`,
  )}
    ${
      moves.length === 0
        ? markup`<p class="note">No version was ever current.</p>`
        : dataTable(
            'Moves',
            columns('Move', 'When, UTC', 'Current', 'By'),
            moves.toReversed().map(
              ({ number, at, from, to, by, reason }) =>
                markup`<tr>
                  <th scope="row">${number}</th>
                  <td>${minute(at)}</td>
                  <td>${from === undefined ? '' : `${String(from)} → `}${to}</td>
                  <td>${BY[by]}</td>
                </tr>
                <tr class="why">
                  <td></td>
                  <td colspan="3" class="prose">${reason}</td>
                </tr>`,
            ),
          )
    }`;
}
