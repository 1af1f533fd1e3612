/** The page of a run: what stands on it, in reading order. */
import { chartData } from './chart-data.ts';
import type { ReportInput } from './read-report-input.ts';
import { classesSection } from './sections/classes.ts';
import { confusionSection } from './sections/confusion.ts';
import { balanceSection, curvesSection } from './sections/curves.ts';
import { datasetSection } from './sections/dataset.ts';
import { examplesSection } from './sections/examples.ts';
import { headerSection } from './sections/header.ts';
import { layoutsSection } from './sections/layouts.ts';
import { provenanceSection } from './sections/provenance.ts';
import { resultsSection } from './sections/results.ts';
import { robustnessSection } from './sections/robustness.ts';
import { renderShell } from './shell.ts';

export async function renderPage(input: ReportInput): Promise<string> {
  const data = chartData(input);
  return await renderShell({
    title: input.title,
    header: headerSection(input),
    sections: [
      { id: 'results', name: 'Results', body: resultsSection(input) },
      { id: 'curves', name: 'Training', body: curvesSection(data) },
      { id: 'balance', name: 'Balance', body: balanceSection(data) },
      { id: 'features', name: 'Features', body: layoutsSection(data) },
      { id: 'confusion', name: 'Confusion', body: confusionSection(data) },
      { id: 'classes', name: 'Classes', body: classesSection(data) },
      { id: 'robustness', name: 'Robustness', body: robustnessSection(data) },
      { id: 'mistakes', name: 'Mistakes', body: examplesSection(input, data.shown) },
      { id: 'data', name: 'Data', body: datasetSection(input) },
      { id: 'provenance', name: 'Provenance', body: provenanceSection(input) },
    ],
    data,
    client: new URL('client/main.ts', import.meta.url),
  });
}
