/** The legend of the classes: a button each, which picks it out in the charts. */
import type { ReportData } from '../report-data.ts';
import { element } from './charts.ts';
import { toggleClass } from './state.ts';
import { classMark, currentTheme, onThemeChange } from './theme.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** A button a class, with the mark it has in the plots. */
export function listClasses(data: Pick<ReportData, 'classNames'>): void {
  const list = document.querySelector('[data-class-legend]');
  if (list === null) return;
  const marks: SVGPathElement[] = [];
  data.classNames.forEach((name, k) => {
    const button = element('button', { type: 'button', 'aria-pressed': 'false', title: name });
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 12 12');
    svg.setAttribute('width', '12');
    svg.setAttribute('height', '12');
    svg.setAttribute('aria-hidden', 'true');
    const path = document.createElementNS(SVG, 'path');
    svg.append(path);
    marks.push(path);
    button.append(svg, element('span', {}, name));
    button.addEventListener('click', () => {
      button.setAttribute('aria-pressed', String(toggleClass(k)));
    });
    list.append(button);
  });
  const paint = (): void => {
    const theme = currentTheme();
    marks.forEach((path, k) => {
      const { colour, symbol } = classMark(k, theme);
      path.setAttribute('d', symbol.svg);
      path.setAttribute('fill', colour);
    });
  };
  paint();
  onThemeChange(paint);
}
