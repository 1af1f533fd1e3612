/** The script of a search's page: a chart for each field, a point for each trial. */
import {
  categoryAxis,
  drawChart,
  percent,
  tip,
  tooltipStyle,
  valueAxis,
  wholePercent,
} from '../../../evaluation/report/client/charts.ts';
import { listClasses } from '../../../evaluation/report/client/class-legend.ts';
import { isClassChosen } from '../../../evaluation/report/client/state.ts';
import { classMark, type Theme } from '../../../evaluation/report/client/theme.ts';
import { offerValues } from '../../../evaluation/report/client/value-table.ts';
import { listenToSorting } from '../../../experiments/report/client/sorting.ts';
import type { SearchData, SearchedField, TrialPoint } from '../search-data.ts';

const data = JSON.parse(document.getElementById('report-data')?.textContent ?? '') as SearchData;
const scored = (score: number): string =>
  data.metric === 'accuracy' ? percent(score) : score.toPrecision(3);

for (const [place, field] of data.fields.entries()) {
  const key = `field/${String(place)}`;
  const points = data.trials.filter(({ at }) => typeof at[place] === 'number');
  const valueOf = ({ at }: TrialPoint): string => {
    const value = at[place] ?? 0;
    return field.scale === 'named' ? (field.names[value] ?? '') : String(value);
  };
  // Each method in two series: shorter trainings are small and pale.
  const series = data.methods.flatMap((name, method) =>
    [false, true].map((last) => ({
      name,
      method,
      last,
      points: points.filter((point) => point.method === method && point.last === last),
    })),
  );
  drawChart(key, (theme) => ({
    grid: { left: 4, right: 24, top: 14, bottom: 28, containLabel: true },
    xAxis: {
      ...fieldAxis(field, theme),
      name: field.name,
      nameLocation: 'middle',
      nameGap: 28,
      nameTextStyle: { color: theme.quiet, fontSize: 12 },
    },
    yAxis: { ...valueAxis(theme, data.metric === 'accuracy' ? wholePercent : undefined), scale: true },
    tooltip: {
      ...tooltipStyle(theme),
      formatter: ({ seriesIndex, dataIndex }: { seriesIndex: number; dataIndex: number }) => {
        const of = series[seriesIndex];
        const point = of?.points[dataIndex];
        if (of === undefined || point === undefined) return '';
        return tip(`${of.name}, trial ${String(point.trial)}`, [
          [data.metric, scored(point.score)],
          ['epochs', String(point.epochs)],
          [field.name.split('.').pop() ?? '', valueOf(point)],
        ]);
      },
    },
    series: series.map(({ method, last, points: own }) => {
      const mark = classMark(method, theme);
      return {
        type: 'scatter',
        data: own.map(({ at, score }) => [at[place], score]),
        symbol: mark.symbol.echarts,
        symbolSize: last ? 12 : 7,
        itemStyle: { color: mark.colour, opacity: !isClassChosen(method) ? 0.08 : last ? 1 : 0.55 },
      };
    }),
  }));
  offerValues(key, () => ({
    head: ['Method', 'Trial', field.name, 'Epochs', data.metric],
    rows: points.map((point) => [
      data.methods[point.method] ?? '',
      String(point.trial),
      valueOf(point),
      String(point.epochs),
      scored(point.score),
    ]),
  }));
}

listClasses({ classNames: [...data.methods] });
listenToSorting();

function fieldAxis({ scale, names }: SearchedField, theme: Theme): Record<string, unknown> {
  if (scale === 'named') return categoryAxis(theme, names);
  return scale === 'logarithmic'
    ? { ...valueAxis(theme), type: 'log' }
    : { ...valueAxis(theme), scale: true };
}
