/** The script of a model's page: draws its charts from the page's JSON block and listens to its controls. */
import { listClasses } from '../../../evaluation/report/client/class-legend.ts';
import type { HistoryData } from '../history-data.ts';
import { drawClassShares } from './class-shares.ts';
import { drawHistoryLines } from './history-lines.ts';

const data = JSON.parse(document.getElementById('report-data')?.textContent ?? '') as HistoryData;

for (const chart of data.lines) drawHistoryLines(chart);
listClasses(data);
drawClassShares(data);
