/** The report's script: draws the charts from the page's JSON block and listens to its controls. */
import type { ReportData } from '../report-data.ts';
import { listClasses } from './class-legend.ts';
import { drawConfusion } from './confusion.ts';
import { drawLayouts } from './layouts.ts';
import { drawLines } from './lines.ts';
import { drawRobustness } from './robustness.ts';
import { listenToMethodChips, listenToTrainingChoices } from './state.ts';

const data = JSON.parse(document.getElementById('report-data')?.textContent ?? '') as ReportData;

listenToMethodChips();
listenToTrainingChoices(data.shown);
drawLines(data);
listClasses(data);
drawLayouts(data);
drawConfusion(data);
drawRobustness(data);
