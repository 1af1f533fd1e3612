/** A chart, drawn again when its numbers, its width or the theme change. */
import { METHOD_COLOURS } from '../../../pipelines/evaluation/report/method-colours.ts';
import { useEffect, useRef } from 'preact/hooks';
import type { Option } from './echarts.ts';

export interface Colours {
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly faint: string;
  readonly ground: string;
  readonly accent: string;
  readonly series: readonly string[];
}

const darkScreen = matchMedia('(prefers-color-scheme: dark)');

function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ...{
      ink: of('ink'),
      quiet: of('quiet'),
      line: of('line'),
      faint: of('faint'),
      ground: of('ground'),
      accent: of('accent'),
    },
    series: Array.from({ length: METHOD_COLOURS }, (_, i) => of(`m${String(i)}`)),
  };
}

type Drawn = { setOption(option: Option, whole: boolean): void; resize(): void; dispose(): void };

export function Chart({
  label,
  build,
  class: named = '',
}: {
  readonly label: string;
  readonly build: (colours: Colours) => Option;
  readonly class?: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | undefined>(undefined);
  const latest = useRef(build);
  latest.current = build;
  const draw = () => {
    const fontFamily = getComputedStyle(document.body).fontFamily;
    drawn.current?.setOption(
      { animation: false, textStyle: { fontFamily }, ...latest.current(colours()) },
      true,
    );
  };
  useEffect(() => {
    let isGone = false;
    let observer: ResizeObserver | undefined;
    void import('./echarts.ts').then(({ init }) => {
      const element = place.current;
      if (isGone || element === null) return;
      drawn.current = init(element, undefined, { renderer: 'svg' });
      draw();
      observer = new ResizeObserver(() => drawn.current?.resize());
      observer.observe(element);
    });
    darkScreen.addEventListener('change', draw);
    return () => {
      isGone = true;
      observer?.disconnect();
      darkScreen.removeEventListener('change', draw);
      drawn.current?.dispose();
      drawn.current = undefined;
    };
  }, []);
  useEffect(draw, [build]);
  return <div class={`chart ${named}`} ref={place} role="img" aria-label={label} />;
}

/** A tooltip's content as nodes: names come from outside, and are text whatever they hold. */
export function tip(title: string, lines: readonly (readonly [string, string, string?])[]): HTMLElement {
  const box = document.createElement('div');
  box.className = 'tip';
  const head = document.createElement('strong');
  head.textContent = title;
  box.append(head);
  for (const [name, value, colour] of lines) {
    const line = document.createElement('div');
    const [words, number] = [document.createElement('span'), document.createElement('span')];
    words.textContent = name;
    if (colour !== undefined) words.style.color = colour;
    number.textContent = value;
    line.append(words, number);
    box.append(line);
  }
  return box;
}

export function tooltip({ ground, line, ink }: Colours): Record<string, unknown> {
  return {
    confine: true,
    backgroundColor: ground,
    borderColor: line,
    borderWidth: 1,
    padding: [6, 10],
    textStyle: { color: ink, fontSize: 13 },
  };
}
