/** Colours from the style sheet, so that the page and its drawings never disagree. */
import { METHOD_COLOURS } from '../method-colours.ts';

export interface Theme {
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly faint: string;
  readonly ground: string;
  readonly heatLow: string;
  readonly heatHigh: string;
  readonly methods: readonly string[];
  readonly classes: readonly string[];
}

/** Ten colours that people with any usual colour vision tell apart; shapes tell further classes apart. */
const CLASSES_ON_LIGHT = [
  '#0072b2',
  '#d55e00',
  '#00895f',
  '#b0508c',
  '#8c6d00',
  '#3d9bd6',
  '#6a3d9a',
  '#e08e00',
  '#5f6670',
  '#b2182b',
];
const CLASSES_ON_DARK = [
  '#56b4e9',
  '#ff8a3d',
  '#2fc795',
  '#e39bc8',
  '#e3c64c',
  '#a8d5f2',
  '#b48be0',
  '#ffb84d',
  '#aab2bd',
  '#ff6b7a',
];

const darkScreen = matchMedia('screen and (prefers-color-scheme: dark)');

export function currentTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour('ink'),
    quiet: colour('quiet'),
    line: colour('line'),
    faint: colour('faint'),
    ground: colour('ground'),
    heatLow: colour('heat-low'),
    heatHigh: colour('heat-high'),
    methods: Array.from({ length: METHOD_COLOURS }, (_, i) => colour(`m${String(i)}`)),
    classes: darkScreen.matches ? CLASSES_ON_DARK : CLASSES_ON_LIGHT,
  };
}

/** Also called before and after printing, which is always on light paper. */
export function onThemeChange(redraw: () => void): void {
  darkScreen.addEventListener('change', redraw);
  addEventListener('beforeprint', redraw);
  addEventListener('afterprint', redraw);
}

export const SYMBOLS = [
  { echarts: 'circle', svg: 'M6 1a5 5 0 1 0 .01 0z' },
  { echarts: 'triangle', svg: 'M6 1l5.5 10h-11z' },
  { echarts: 'rect', svg: 'M1.5 1.5h9v9h-9z' },
  { echarts: 'diamond', svg: 'M6 0l6 6l-6 6l-6 -6z' },
  {
    echarts: 'path://M4 0h4v4h4v4h-4v4h-4v-4h-4v-4h4z',
    svg: 'M4 0h4v4h4v4h-4v4h-4v-4h-4v-4h4z',
  },
] as const;

/** Colour and shape of a class: 50 different pairs, then again from the start. */
export function classMark(k: number, theme: Theme): { colour: string; symbol: (typeof SYMBOLS)[number] } {
  const colours = theme.classes.length;
  const symbol = SYMBOLS[(k + Math.floor(k / colours)) % SYMBOLS.length] ?? SYMBOLS[0];
  return { colour: theme.classes[k % colours] ?? theme.ink, symbol };
}
