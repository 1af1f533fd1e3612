/** A machine's figures as one picture: how many times better than the peer, with the goals marked. */
import * as echarts from 'echarts';
import { ratioToPeer, verdictOf, type Figure } from './figure.ts';
import { formatNumber } from './table.ts';
import type { MachineResults } from './results.ts';

const WIDTH_PX = 960;
const ROW_PX = 26;
const FRAME_PX = 110;
const COLOURS = {
  ahead: '#2f7d5b',
  missed: '#c4572c',
  goal: '#1d2733',
  text: '#3b4652',
  line: '#c9d1d9',
} as const;

interface Bar {
  readonly label: string;
  readonly ratio: number;
  readonly goal: number | undefined;
  readonly missed: boolean;
}

/** @returns an SVG document; figures without a peer's values are not in it */
export function plotResults({ name, results }: MachineResults): string {
  const bars = results.flatMap(({ figures }) => figures.flatMap(barOf)).reverse();
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH_PX,
    height: FRAME_PX + ROW_PX * bars.length,
  });
  chart.setOption(optionsOf(name, bars));
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function barOf(figure: Figure): Bar[] {
  const ratio = ratioToPeer(figure);
  if (ratio === undefined || !Number.isFinite(ratio) || ratio <= 0) return [];
  const goal = figure.goal !== undefined && 'ratio' in figure.goal ? figure.goal.ratio : undefined;
  const label = `${figure.name} / ${figure.peer?.name ?? ''}`;
  return [{ label, ratio, goal, missed: verdictOf(figure) === 'missed' }];
}

function optionsOf(name: string, bars: readonly Bar[]): echarts.EChartsCoreOption {
  const all = bars.flatMap(({ ratio, goal }) => [ratio, goal ?? 1]);
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: {
      text: `Times better than the peer: ${name}`,
      subtext: 'logarithmic; a bar is orange where it does not reach the goal (tick)',
      left: 12,
      textStyle: { fontSize: 15, color: COLOURS.text },
    },
    grid: { left: 12, right: 60, top: 62, bottom: 8, containLabel: true },
    xAxis: {
      type: 'log',
      min: Math.min(0.5, ...all),
      max: Math.max(2, ...all) * 1.1,
      axisLabel: { formatter: (value: number) => `${formatNumber(value)}×`, hideOverlap: true },
      splitLine: { lineStyle: { color: COLOURS.line } },
    },
    yAxis: {
      type: 'category',
      data: bars.map(({ label }) => label),
      axisTick: { show: false },
      axisLabel: { color: COLOURS.text },
    },
    series: [
      {
        type: 'bar',
        barWidth: 13,
        data: bars.map(({ ratio, missed }) => ({
          value: ratio,
          itemStyle: { color: missed ? COLOURS.missed : COLOURS.ahead },
          label: { show: true, position: 'right', formatter: `${formatNumber(ratio)}×`, color: COLOURS.text },
        })),
      },
      {
        type: 'scatter',
        symbol: 'rect',
        symbolSize: [3, 20],
        itemStyle: { color: COLOURS.goal },
        data: bars.flatMap(({ goal }, row) => (goal === undefined ? [] : [[goal, row]])),
      },
    ],
  };
}
