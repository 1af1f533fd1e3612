/** UMAP scatter plots of the training shown. */
import type { LayoutPoints, ReportData } from '../report-data.ts';
import { drawChart, tip, tooltipStyle } from './charts.ts';
import { isClassChosen, shownTraining } from './state.ts';
import { classMark, type Theme } from './theme.ts';

/** Room beside the outermost points, in the layout's own units of 0…1000. */
const MARGIN = 40;

export function drawLayouts(data: ReportData): void {
  for (const space of [...data.modalities, 'fused' as const]) {
    for (const split of ['train', 'test'] as const) {
      drawChart(
        `layout/${space}/${split}`,
        (theme, { width }) => {
          const layout = data.layouts[shownTraining()]?.spaces.find((one) => one.space === space);
          const points = layout?.[split] ?? { x: [], y: [], label: [] };
          const axis = {
            type: 'value',
            min: -MARGIN,
            max: 1000 + MARGIN,
            axisLabel: { show: false },
            axisTick: { show: false },
            axisLine: { show: false },
            splitLine: { show: false },
          };
          return {
            grid: { left: 1, right: 1, top: 6, bottom: 1, show: true, borderColor: theme.faint },
            xAxis: axis,
            yAxis: axis,
            tooltip: {
              ...tooltipStyle(theme),
              formatter: ({ seriesIndex }: { seriesIndex: number }) =>
                tip(data.classNames[seriesIndex] ?? '', []),
            },
            series: data.classNames.map((_, k) => seriesOf(k, points, theme, width)),
          };
        },
        'canvas',
      );
    }
  }
}

function seriesOf(k: number, points: LayoutPoints, theme: Theme, width: number): Record<string, unknown> {
  const chosen = isClassChosen(k);
  const { colour, symbol } = classMark(k, theme);
  const size = (points.label.length > 800 ? 5 : 7) * (width < 240 ? 0.8 : 1);
  return {
    type: 'scatter',
    data: points.label.flatMap((label, i) => (label === k ? [[points.x[i], points.y[i]]] : [])),
    symbol: symbol.echarts,
    symbolSize: size,
    itemStyle: { color: chosen ? colour : theme.line, opacity: chosen ? 0.8 : 0.35 },
    silent: !chosen,
    z: chosen ? 3 : 2,
    emphasis: { scale: 1.6, itemStyle: { opacity: 1 } },
  };
}
