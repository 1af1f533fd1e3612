/** Draws every chart of the page, and again when its size, the theme or what is shown changes. */
import { init, type Option } from './echarts.ts';
import { currentTheme, onThemeChange, type Theme } from './theme.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export type ChartBuilder = (theme: Theme, size: Size) => Option;

/** Spelt out, since a canvas inherits no font. */
const fontFamily = getComputedStyle(document.body).fontFamily;
const redraws: (() => void)[] = [];

/**
 * @param key of the place on the page (`data-chart`); nothing happens when it is not there
 * @param renderer SVG is sharp on paper, canvas is quick with many points
 */
export function drawChart(key: string, build: ChartBuilder, renderer: 'svg' | 'canvas' = 'svg'): void {
  const place = document.querySelector<HTMLElement>(`[data-chart="${CSS.escape(key)}"]`);
  if (place === null) return;
  const chart = init(place, undefined, { renderer });
  const draw = (): void => {
    const size = { width: place.clientWidth, height: place.clientHeight };
    if (size.width === 0) return;
    chart.resize(size);
    chart.setOption({ animation: false, textStyle: { fontFamily }, ...build(currentTheme(), size) }, true);
  };
  draw();
  redraws.push(draw);
  let width = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth === width) return;
    width = place.clientWidth;
    draw();
  }).observe(place);
}

export function redrawAll(): void {
  for (const redraw of redraws) redraw();
}

onThemeChange(redrawAll);

/** A tooltip's content as nodes: names come from files and folders, and are text whatever they hold. */
export function tip(title: string, lines: readonly (readonly [string, string])[]): HTMLElement {
  const box = element('div', { class: 'tip' });
  if (title !== '') box.append(element('strong', {}, title));
  for (const [name, value] of lines) {
    const line = element('div');
    line.append(element('span', {}, name), element('span', {}, value));
    box.append(line);
  }
  return box;
}

/** An axis of named places, along the bottom. */
export function categoryAxis(
  theme: Theme,
  data: readonly (string | number)[],
  name?: string,
): Record<string, unknown> {
  return {
    type: 'category',
    data,
    ...(name === undefined
      ? {}
      : {
          name,
          nameLocation: 'middle',
          nameGap: 26,
          nameTextStyle: { color: theme.quiet, fontSize: 12 },
        }),
    axisLabel: { color: theme.quiet, fontSize: 12 },
    axisLine: { lineStyle: { color: theme.line } },
    axisTick: { show: false },
  };
}

/** An axis of numbers, at the left. */
export function valueAxis(theme: Theme, format?: (value: number) => string): Record<string, unknown> {
  return {
    type: 'value',
    splitNumber: 4,
    splitLine: { lineStyle: { color: theme.faint } },
    axisLabel: { color: theme.quiet, fontSize: 12, ...(format === undefined ? {} : { formatter: format }) },
  };
}

export function tooltipStyle(theme: Theme): Record<string, unknown> {
  return {
    confine: true,
    backgroundColor: theme.ground,
    borderColor: theme.line,
    borderWidth: 1,
    padding: [6, 10],
    textStyle: { color: theme.ink, fontSize: 13 },
  };
}

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  text?: string,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export const wholePercent = (share: number): string => `${String(Math.round(100 * share))} %`;

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
}
