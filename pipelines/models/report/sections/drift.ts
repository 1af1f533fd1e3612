import type { Modality } from '../../../../schemas/modality.ts';
import { headName } from '../../../evaluation/report/head-names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { chartPanel, classLegend, sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import type { HistoryData } from '../history-data.ts';

const RHO = 'drift/rho/';

/** How the clips of each window differed from those before. */
export function driftSection({ lines, classShares }: HistoryData): Html {
  const heading = sectionHeading(
    'drift',
    'Drift',
    markup`How the clips of each window differ from the other clips of its snapshot, as the model that was
      current saw them. Higher is further away.`,
  );
  if (classShares === undefined) {
    return markup`${heading}<p class="note">No window was compared with what was there before.</p>`;
  }
  const shifts = lines.find(({ key }) => key === 'drift/inputs')?.lines ?? [];
  const rhos = lines
    .filter(({ key }) => key.startsWith(RHO))
    .map(({ key }) => key.slice(RHO.length) as Modality);
  return markup`${heading}
    ${classLegend()}
    <div class="panels">
      ${chartPanel({
        key: 'drift/classes',
        title: 'Classes among the clips',
        label: 'Stacked bars: share of each class, before and in each window. The values follow as a table.',
      })}
      ${chartPanel({
        key: 'drift/class-distance',
        title: 'Distance of the class shares (total variation, 0 to 1)',
        label:
          'Line chart: total variation distance of the class shares by window. The values follow as a table.',
      })}
    </div>
    <p class="key below">
      <span class="line solid" aria-hidden="true"></span>new clips
      <span class="line dashed" aria-hidden="true"></span>old clips
      ${shifts.map(({ name, colour }) => markup`<span class="swatch inline m${colour}" aria-hidden="true"></span>${name} `)}
    </p>
    <div class="panels">
      ${chartPanel({
        key: 'drift/inputs',
        title: 'Shift of the inputs, in old deviations',
        label:
          'Line chart: largest shift of a channel’s mean by window, one line a modality. The values follow as a table.',
      })}
      ${chartPanel({
        key: 'drift/features',
        title: 'Shift of the features, in old deviations',
        label:
          'Line chart: shift of the mean feature by window, one line a modality. The values follow as a table.',
      })}
      ${rhos.map((modality) =>
        chartPanel({
          key: `${RHO}${modality}`,
          title: `Discrepancy ratio ρ, ${headName(modality).toLowerCase()}`,
          label: `Line chart: discrepancy ratio of ${headName(modality)} by window, on new and on old clips. The values follow as a table.`,
        }),
      )}
    </div>`;
}
