/** The script of an experiment's page: draws its charts and sorts its tables. */
import type { ExperimentData } from '../experiment-data.ts';
import { drawCost } from './cost.ts';
import { drawCurves } from './curves.ts';
import { drawRanking } from './ranking.ts';
import { listenToSorting } from './sorting.ts';

const data = JSON.parse(document.getElementById('report-data')?.textContent ?? '') as ExperimentData;

drawRanking(data);
drawCost(data);
drawCurves(data);
listenToSorting();
