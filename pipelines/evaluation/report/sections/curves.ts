import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportData } from '../report-data.ts';
import { chartPanel, hasSeveralSeeds, methodChips, sectionHeading } from './parts.ts';

/** Accuracy over epochs, fused and by branch (the paper's Figure 1). */
export function curvesSection(data: ReportData): Html {
  const heads = data.curves[0]?.accuracy.map(({ head }) => head) ?? [];
  const seeds = hasSeveralSeeds(data)
    ? ' Lines are means over the seeds; the band spans them on the test split.'
    : '';
  return markup`${sectionHeading(
    'curves',
    'Training',
    markup`Accuracy after each epoch, for the fused model and for each branch alone.${seeds}`,
  )}
    ${methodChips(data.methods)}
    <p class="key">
      <span class="line solid" aria-hidden="true"></span>test
      <span class="line dashed" aria-hidden="true"></span>train
    </p>
    <div class="panels">
      ${heads.map((head) =>
        chartPanel({
          key: `accuracy/${head}`,
          title: head === 'fused' ? 'Fused model' : `${headName(head)} branch`,
          label: `Line chart: train and test accuracy by epoch, ${headName(head)}, one line a method. The values follow as a table.`,
        }),
      )}
      ${chartPanel({ key: 'loss', title: 'Loss that was minimised', label: 'Line chart: mean training loss by epoch, one line a method. The values follow as a table.' })}
    </div>
    <p class="note">
      The loss of methods that mix labels cannot fall to zero, so it does not compare across methods.
    </p>`;
}

const QUANTITIES = {
  rho: {
    title: 'Discrepancy ratio ρ',
    label: 'discrepancy ratio',
  },
  lambda: { title: 'Mixing ratio λ', label: 'mean mixing ratio' },
  coefficient: { title: 'Gradient coefficient k', label: 'mean gradient coefficient' },
} as const;

/** ρ, λ and OGM's coefficient over epochs. */
export function balanceSection(data: ReportData): Html {
  const present = data.curves.flatMap(({ balance }) => balance);
  const panels = (['rho', 'lambda', 'coefficient'] as const).flatMap((quantity) =>
    data.modalities
      .filter((modality) => present.some((one) => one.quantity === quantity && one.modality === modality))
      .map((modality) =>
        chartPanel({
          key: `${quantity}/${modality}`,
          title: `${QUANTITIES[quantity].title}, ${headName(modality).toLowerCase()}`,
          label: `Line chart: ${QUANTITIES[quantity].label} of ${headName(modality)} by epoch, one line a method. The values follow as a table.`,
        }),
      ),
  );
  return markup`${sectionHeading(
    'balance',
    'Balance of the modalities',
    markup`ρ above 1 means that this modality tells the classes better than the others and may drown them. λ is
    how much of a clip’s own feature stays when two are mixed: ½ is mixed most, 1 not at all.`,
  )}
  ${methodChips(data.methods)}
  ${panels.length === 0 ? markup`<p class="note">With one modality there is nothing to balance.</p>` : markup`<div class="panels">${panels}</div>`}`;
}
