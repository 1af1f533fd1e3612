/** Figures as Markdown tables: in the terminal, and between two marks in `bench/README.md`. */
import { median, ratioToPeer, spread, verdictOf, type Figure, type Verdict } from './figure.ts';
import type { BenchResult, MachineResults } from './results.ts';

const BEGIN = '<!-- figures: begin (written by npm run bench) -->';
const END = '<!-- figures: end -->';
const HEADER = ['', 'ours', 'peer', 'ratio', 'goal', ''] as const;
const MARKS: Readonly<Record<Verdict, string>> = {
  reached: 'reached',
  missed: '**missed**',
  'not measured': '**not measured**',
  'no goal': '',
};

/** Three significant digits, and no more decimals than that takes. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(3));
  return Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(rounded);
}

export function figuresTable(figures: readonly Figure[]): string {
  return markdownTable([HEADER, ...figures.map(rowOf)]);
}

/** A heading with the machine, then a table a bench. */
export function machineSection({ name, results }: MachineResults): string {
  const [first] = results;
  if (first === undefined) return '';
  const { cpu, cores, memoryGiB, os, node, tensorflow, ffmpeg } = first.machine;
  const facts = `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${os}; Node ${node}, TensorFlow ${tensorflow}, ffmpeg ${ffmpeg}.`;
  const plot = `![How many times better than the peer](results/${name}.svg)`;
  return [`## ${name}`, facts, plot, ...results.flatMap(benchSection)].join('\n\n');
}

function benchSection({ title, bench, method, date, rounds, figures }: BenchResult): string[] {
  return [
    `### ${title}`,
    `${method} Medians of ${rounds} rounds, ${date}; again: \`npm run bench -- ${bench}\`.`,
    figuresTable(figures),
    ...notesOf(figures),
  ];
}

function notesOf(figures: readonly Figure[]): string[] {
  const notes = figures.flatMap(({ name, note, peer }) => [
    ...(note === undefined ? [] : [`- ${name}: ${note}`]),
    ...(peer?.problem === undefined ? [] : [`- ${name}: ${peer.name} could not be run: ${peer.problem}`]),
  ]);
  return notes.length === 0 ? [] : [notes.join('\n')];
}

/** @throws Error when the text has not both marks, in their order */
export function withSections(readme: string, sections: readonly string[]): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`bench/README.md needs "${BEGIN}", then "${END}"`);
  const inside = sections.filter((section) => section !== '').join('\n\n');
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${inside}\n\n${readme.slice(end)}`;
}

function rowOf(figure: Figure): string[] {
  const { name, unit, peer, goal } = figure;
  const ratio = ratioToPeer(figure);
  return [
    `${name}, ${unit}`,
    valueOf(figure.ours),
    peer === undefined ? '' : `${peer.samples.length === 0 ? 'none' : valueOf(peer.samples)} (${peer.name})`,
    ratio === undefined ? '' : `${formatNumber(ratio)}×`,
    goal === undefined ? '' : goalOf(goal, figure.better),
    MARKS[verdictOf(figure)],
  ];
}

function goalOf(goal: NonNullable<Figure['goal']>, better: Figure['better']): string {
  if ('ratio' in goal) return `≥ ${formatNumber(goal.ratio)}×`;
  return `${better === 'higher' ? '≥' : '≤'} ${formatNumber(goal.limit)}`;
}

/** The median, and the range where there is one. */
function valueOf(samples: readonly number[]): string {
  const [low, high] = spread(samples);
  const middle = formatNumber(median(samples));
  return samples.length === 1 ? middle : `${middle} [${formatNumber(low)}–${formatNumber(high)}]`;
}

/** Columns padded as the repository's formatter wants them. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = cells[0]!.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell + ' '.repeat(widths[column]! - cell.length)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join('\n');
}
