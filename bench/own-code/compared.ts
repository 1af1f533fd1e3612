/** What a piece of our own gives beside what could replace it: contenders run in turns, each figure a median of rounds. */
import { median, spread } from '../harness/figure.ts';

/** One round of one contender, by figure. */
export type Measured = Readonly<Record<string, number>>;

export interface Compared {
  readonly title: string;
  /** What was run on what. */
  readonly method: string;
  /** Each figure's unit and how many digits are told, in the order of the columns. */
  readonly figures: Readonly<Record<string, { readonly unit: string; readonly digits: number }>>;
  /** Rounds by contender; ours is the first. */
  readonly rounds: Readonly<Record<string, readonly Measured[]>>;
  /** Contenders that could not be run, and why. */
  readonly problems?: Readonly<Record<string, string>>;
}

export interface OwnCodeOptions {
  readonly rounds: number;
  /** Small: shows that it works. */
  readonly quick: boolean;
  /** An empty folder, removed afterwards. */
  readonly scratch: string;
  readonly say: (line: string) => void;
}

/** As Markdown: a row a contender, median [lowest–highest], and how many times ours the median of the pairs is. */
export function comparedTable({ title, method, figures, rounds, problems = {} }: Compared): string {
  const [ours = []] = Object.values(rounds);
  const columns = Object.entries(figures);
  const cells = (all: readonly Measured[]) =>
    columns.map(([name, { digits }]) => {
      const values = all.map((one) => one[name]!);
      const [low, high] = spread(values);
      const share = median(all.map((one, round) => one[name]! / ours[round]![name]!));
      const told = `${median(values).toFixed(digits)} [${low.toFixed(digits)}–${high.toFixed(digits)}]`;
      return all === ours ? told : `${told}, ${share.toFixed(2)}×`;
    });
  const row = (words: readonly string[]) => `| ${words.join(' | ')} |`;
  return [
    `### ${title}\n`,
    `${method}\n`,
    row(['', ...columns.map(([name, { unit }]) => `${name}, ${unit}`)]),
    row(['---', ...columns.map(() => '---:')]),
    ...Object.entries(rounds).map(([name, all]) => row([name, ...cells(all)])),
    ...Object.entries(problems).map(([name, why]) => row([name, why, ...columns.slice(1).map(() => '')])),
  ].join('\n');
}
