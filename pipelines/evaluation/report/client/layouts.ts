/** UMAP scatter plots of the training shown. */
import { LAYOUT_STEPS, type ReportData } from '../report-data.ts';
import { drawChart, tip, tooltipStyle } from './charts.ts';
import { isClassChosen, shownTraining } from './state.ts';
import { classMark, type Theme } from './theme.ts';
import { unpackPoints } from './unpack-points.ts';

/** Room beside the outermost points, in the layout's own units. */
const MARGIN = LAYOUT_STEPS / 25;
/** Beyond so many points on a plot they are drawn smaller and fainter. */
const MANY = 800;
const VERY_MANY = 3_000;

export function drawLayouts(data: ReportData): void {
  for (const space of [...data.modalities, 'fused' as const]) {
    for (const split of ['train', 'test'] as const) {
      drawChart(
        `layout/${space}/${split}`,
        (theme, { width }) => {
          const layout = data.layouts[shownTraining()]?.spaces.find((one) => one.space === space);
          const points = layout?.[split];
          const places = points === undefined ? [] : unpackPoints(points, data.classNames.length);
          const axis = {
            type: 'value',
            min: -MARGIN,
            max: LAYOUT_STEPS + MARGIN,
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
            series: places.map((own, k) => seriesOf(k, own, points?.count ?? 0, theme, width)),
          };
        },
        'canvas',
      );
    }
  }
}

function seriesOf(
  k: number,
  places: [number, number][],
  count: number,
  theme: Theme,
  width: number,
): Record<string, unknown> {
  const chosen = isClassChosen(k);
  const { colour, symbol } = classMark(k, theme);
  const size = (count > VERY_MANY ? 3 : count > MANY ? 5 : 7) * (width < 240 ? 0.8 : 1);
  return {
    type: 'scatter',
    data: places,
    symbol: symbol.echarts,
    symbolSize: size,
    itemStyle: {
      color: chosen ? colour : theme.line,
      opacity: chosen ? (count > VERY_MANY ? 0.6 : 0.8) : 0.35,
    },
    silent: !chosen,
    z: chosen ? 3 : 2,
    emphasis: { scale: 1.6, itemStyle: { opacity: 1 } },
  };
}
