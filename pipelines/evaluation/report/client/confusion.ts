/** The confusion matrix as a heat map, and its worst pairs in words. */
import type { ReportData } from '../report-data.ts';
import { drawChart, element, percent, redrawAll, tip, tooltipStyle } from './charts.ts';
import { offerValues } from './value-table.ts';

const PAIRS_SHOWN = 10;
/** Beyond it a cell is too small for its count. */
const COUNTS_UP_TO = 12;
/** Smallest room a name needs on an axis, pixels. */
const LABEL_PX = 15;

export function drawConfusion(data: ReportData): void {
  const choice = document.querySelector<HTMLSelectElement>('[data-confusion-method]');
  const counts = () => data.confusion[choice?.selectedIndex ?? 0]?.counts ?? [];
  listPairs(data, counts());
  choice?.addEventListener('change', () => {
    listPairs(data, counts());
    redrawAll();
  });

  drawChart(
    'confusion',
    (theme, { width }) => {
      const classes = data.classNames.length;
      const narrow = width < 480;
      const axis = {
        type: 'category',
        data: data.classNames.map((name) => shorten(name, narrow ? 8 : 16)),
        axisLine: { show: false },
        axisTick: { show: false },
        splitArea: { show: false },
      };
      const every = Math.ceil((classes * LABEL_PX) / (width * 0.78)) - 1;
      const label = { color: theme.quiet, fontSize: narrow ? 11 : 12, interval: every, margin: 6 };
      // The root of the share, so that rare confusions can be seen beside the diagonal.
      const cells = counts().flatMap((row, i) => {
        const all = row.reduce((sum, count) => sum + count, 0);
        return row.map((count, j) => [j, i, all === 0 ? 0 : Math.sqrt(count / all), count, all]);
      });
      return {
        grid: { left: 2, right: 6, top: 6, bottom: 2, containLabel: true },
        xAxis: {
          ...axis,
          axisLabel: {
            ...label,
            rotate: classes > 10 || narrow ? 90 : longest(data.classNames) > 7 ? 45 : 0,
          },
        },
        yAxis: {
          ...axis,
          inverse: true,
          axisLabel: label,
        },
        visualMap: {
          show: false,
          min: 0,
          max: 1,
          dimension: 2,
          inRange: { color: [theme.heatLow, theme.heatHigh] },
        },
        tooltip: {
          ...tooltipStyle(theme),
          formatter: ({ value: [j = 0, i = 0, , count = 0, all = 0] }: { value: number[] }) =>
            tip('', [
              ['true', data.classNames[i] ?? ''],
              ['predicted', data.classNames[j] ?? ''],
              ['clips', `${String(count)} of ${String(all)} (${percent(all === 0 ? null : count / all)})`],
            ]),
        },
        series: [
          {
            type: 'heatmap',
            data: cells.map((cell) => ({
              value: cell,
              label: { color: (cell[2] ?? 0) > 0.55 ? theme.ground : theme.ink },
            })),
            label: {
              show: classes <= COUNTS_UP_TO,
              fontSize: narrow ? 11 : 13,
              formatter: ({ value }: { value: number[] }) => (value[3] === 0 ? '' : String(value[3])),
            },
            itemStyle: classes <= 40 ? { borderColor: theme.ground, borderWidth: 1 } : {},
            emphasis: { itemStyle: { borderColor: theme.ink, borderWidth: 1 } },
          },
        ],
      };
    },
    'canvas',
  );
  offerValues('confusion', () => ({
    head: ['True \\ predicted', ...data.classNames],
    rows: counts().map((row, i) => [data.classNames[i] ?? '', ...row.map(String)]),
  }));
}

function listPairs(data: ReportData, counts: readonly (readonly number[])[]): void {
  const list = document.querySelector('[data-confusions]');
  if (list === null) return;
  const pairs = counts
    .flatMap((row, i) =>
      row.map((count, j) => ({ i, j, count, all: row.reduce((sum, one) => sum + one, 0) })),
    )
    .filter(({ i, j, count }) => i !== j && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, PAIRS_SHOWN);
  const name = (k: number): string => data.classNames[k] ?? '';
  list.replaceChildren(
    ...(pairs.length === 0 ? [element('li', {}, 'Nothing was confused.')] : []),
    ...pairs.map(({ i, j, count, all }) => {
      const item = element('li', {}, `${name(i)} taken for ${name(j)} `);
      item.append(element('span', { class: 'quiet' }, `${String(count)} of ${String(all)}`));
      return item;
    }),
  );
}

function longest(names: readonly string[]): number {
  return names.reduce((length, name) => Math.max(length, name.length), 0);
}

function shorten(name: string, length: number): string {
  return name.length <= length ? name : `${name.slice(0, length - 1)}…`;
}
