/**
 * Which answers a person is asked about: a bounded share, of those that stand out among the answers before them. What
 * it says of an answer follows from the answers of the partition before it alone, so that a worker that takes over
 * says the same. Pure.
 */
import type { AnswerScores, Review } from '../../../schemas/answer.ts';
import type { ReviewConfig, ReviewReason } from '../../../schemas/config/answer-config.ts';

/** Which score stands for each reason. */
const SCORE_OF = {
  uncertain: 'entropy',
  disagreement: 'disagreement',
  far: 'distance',
} as const satisfies Readonly<Record<ReviewReason, keyof AnswerScores>>;

interface Past {
  readonly scores: AnswerScores;
  readonly asked: boolean;
}

export class ReviewSelector {
  readonly #rules: Pick<ReviewConfig, 'share' | 'reasons' | 'compareWith'>;
  /** The newest answers, oldest first. */
  #past: Past[] = [];

  constructor(rules: Pick<ReviewConfig, 'share' | 'reasons' | 'compareWith'>) {
    this.#rules = rules;
  }

  /** An answer that was given; to be told in the order of the partition. */
  add(scores: AnswerScores, asked: boolean): void {
    this.#past.push({ scores, asked });
    if (this.#past.length > this.#rules.compareWith) this.#past.shift();
  }

  /**
   * Why a person is asked about the next answer, the reason that stands out most first; empty: nobody is. Asked
   * are those that are among the `share` with the highest of their ranks, and never more than `share` of the answers.
   */
  reasonsFor(scores: AnswerScores): Review['reasons'] {
    const { share, compareWith } = this.#rules;
    const past = this.#past.slice(Math.max(0, this.#past.length + 1 - compareWith));
    const all = [...past.map((one) => one.scores), scores];
    const room = share * all.length;
    const asked = past.reduce((sum, one) => sum + Number(one.asked), 0);
    if (asked + 1 > room) return [];
    const ranks = this.#rules.reasons.map((reason) => ranksOf(all.map((one) => one[SCORE_OF[reason]])));
    const highest = all.map((_, at) => Math.max(...ranks.map((of) => of[at]!)));
    const own = highest.at(-1)!;
    if (highest.filter((rank) => rank > own).length >= room) return [];
    return this.#rules.reasons
      .flatMap((reason, place) => {
        const score = scores[SCORE_OF[reason]];
        const rank = ranks[place]!.at(-1)!;
        return score === undefined || (rank < 1 - share && rank < own) ? [] : [{ reason, score, rank }];
      })
      .sort((a, b) => b.rank - a.rank);
  }
}

/** By place: the share of the others whose value is lower; 0 where there is none. */
function ranksOf(values: readonly (number | undefined)[]): number[] {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const lower = new Map<number, number>();
  for (const [place, value] of sorted.entries()) if (!lower.has(value)) lower.set(value, place);
  const others = Math.max(1, values.length - 1);
  return values.map((value) => (value === undefined ? 0 : lower.get(value)! / others));
}
