/** The page's shell: one file that loads nothing, its sections in reading order. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { bundleClient } from './bundle-client.ts';
import { chartData } from './chart-data.ts';
import { Html, markup, scriptJson } from './html.ts';
import type { ReportInput } from './read-report-input.ts';
import { confusionSection } from './sections/confusion.ts';
import { balanceSection, curvesSection } from './sections/curves.ts';
import { datasetSection } from './sections/dataset.ts';
import { examplesSection } from './sections/examples.ts';
import { headerSection } from './sections/header.ts';
import { layoutsSection } from './sections/layouts.ts';
import { provenanceSection } from './sections/provenance.ts';
import { resultsSection } from './sections/results.ts';
import { robustnessSection } from './sections/robustness.ts';

export async function renderPage(input: ReportInput): Promise<string> {
  const data = chartData(input);
  const script = await bundleClient();
  const style = await readFile(new URL('style.css', import.meta.url), 'utf8');
  // The script's tag holds exactly the hashed bytes; nothing else on the page may run.
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    'img-src data:',
  ].join('; ');
  const sections = [
    { id: 'results', name: 'Results', body: resultsSection(input) },
    { id: 'curves', name: 'Training', body: curvesSection(data) },
    { id: 'balance', name: 'Balance', body: balanceSection(data) },
    { id: 'features', name: 'Features', body: layoutsSection(data) },
    { id: 'confusion', name: 'Confusion', body: confusionSection(data) },
    { id: 'robustness', name: 'Robustness', body: robustnessSection(data) },
    { id: 'mistakes', name: 'Mistakes', body: examplesSection(input, data.shown) },
    { id: 'data', name: 'Data', body: datasetSection(input) },
    { id: 'provenance', name: 'Provenance', body: provenanceSection(input) },
  ];
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${input.title} · Modalmix</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <a class="skip" href="#results">Skip to the results</a>
        ${headerSection(input)}
        <nav aria-label="Sections">
          <ul>
            ${sections.map(({ id, name }) => markup`<li><a href="#${id}">${name}</a></li>`)}
          </ul>
        </nav>
        <main>
          ${sections.map(({ id, body }) => markup`<section id="${id}" aria-labelledby="${id}-heading">${body}</section>`)}
        </main>
        <script type="application/json" id="report-data">
          ${scriptJson(data)}
        </script>
        ${new Html(`<script>${script}</script>`)}
      </body>
    </html> `.text;
}
