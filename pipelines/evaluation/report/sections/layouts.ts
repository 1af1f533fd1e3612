import { headName } from '../head-names.ts';
import { markup, type Html } from '../html.ts';
import type { ReportData } from '../report-data.ts';
import { chartPanel, classLegend, sectionHeading, trainingChoice } from './parts.ts';

/** UMAP of each modality's features and of the fused ones, both splits (the paper's Figures 4–5). */
export function layoutsSection(data: ReportData): Html {
  const spaces = [...data.modalities, 'fused' as const].filter((space) =>
    data.layouts.some((layout) => layout.spaces.some((one) => one.space === space)),
  );
  return markup`${sectionHeading(
    'features',
    'Features',
    markup`UMAP of what each encoder makes of the clips, coloured by class. It is fitted on training clips;
      test clips are placed into the same plane. Distances between far groups and the axes themselves mean
      nothing.`,
  )}
    ${
      data.layoutLimit === undefined
        ? undefined
        : markup`<p class="note">To keep the page small, a plot shows ${data.layoutLimit} of its clips; the Arrow file has them all.</p>`
    }
    ${trainingChoice(data.layouts, data.shown)}
    ${classLegend()}
    ${spaces.length === 0 ? markup`<p class="note">There were too few training clips for a layout.</p>` : undefined}
    <div class="panels layouts">
      ${spaces.map(
        (space) =>
          markup`<div class="pair">
            ${(['train', 'test'] as const).map((split) =>
              chartPanel({
                key: `layout/${space}/${split}`,
                title: `${headName(space)}, ${split}`,
                label: `Scatter plot: UMAP of the ${headName(space)} features of ${split} clips, coloured by class.`,
                shape: 'square',
                table: false,
              }),
            )}
          </div>`,
      )}
    </div>`;
}
