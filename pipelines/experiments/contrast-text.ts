/** Planned contrasts in words, for the page and for the terminal. Pure. */
import type { ContrastSet } from '../../schemas/config/contrasts.ts';

const ALPHA = 0.05;

/** `0.031`, `< 0.001` */
export function pText(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** `+1.6` points of a share. */
export function pointsText(share: number): string {
  const text = (100 * share).toFixed(1);
  return text.startsWith('-') ? `−${text.slice(1)}` : `+${text}`;
}

/** `+0.4 … +2.8` */
export function intervalText([low, high]: readonly [number, number]): string {
  return `${pointsText(low)} … ${pointsText(high)}`;
}

export function contrastScope({ dataset, condition }: ContrastSet): string {
  return [dataset, condition].filter((part) => part !== undefined).join(', ') || 'All blocks';
}

/** What the tests of a table cannot show, however large the differences; undefined when they can show anything. */
export function leastPNote({ contrasts }: ContrastSet): string | undefined {
  const most = (pick: (contrast: (typeof contrasts)[number]) => { count: number; leastP: number }) =>
    contrasts.map(pick).reduce((best, one) => (one.count > best.count ? one : best));
  if (contrasts.length === 0) return undefined;
  const kinds = [
    {
      name: contrasts.some(({ groups }) => groups.unit === 'group') ? 'group' : 'clip',
      ...most(({ groups }) => groups),
    },
    { name: 'block', ...most(({ blocks }) => blocks) },
  ];
  const sentences = kinds.flatMap(({ name, count, leastP }) => {
    const corrected = Math.min(1, leastP * contrasts.length);
    if (corrected <= ALPHA) return [];
    const units = `${String(count)} ${name}${count === 1 ? '' : 's'}`;
    const after =
      contrasts.length === 1
        ? ''
        : `, ${exactly(corrected)} as the smallest of ${String(contrasts.length)} by Holm’s correction`;
    return [
      `With ${units} the smallest p there can be is ${exactly(leastP)}${after}: ${leastP > ALPHA ? '' : 'once corrected, '}the test over ${name}s cannot reach 0.05, whatever the difference.`,
    ];
  });
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

function exactly(p: number): string {
  return String(Number(p.toPrecision(2)));
}
