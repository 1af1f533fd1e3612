/** What the charts of a search's page are drawn from: the one JSON block of the page. */

export interface SearchData {
  readonly metric: 'accuracy' | 'loss';
  /** In the config's order; colour and shape follow from the place. */
  readonly methods: readonly string[];
  readonly fields: readonly SearchedField[];
  readonly trials: readonly TrialPoint[];
}

export interface SearchedField {
  /** Dotted, below training. */
  readonly name: string;
  readonly scale: 'linear' | 'logarithmic' | 'named';
  /** Of a named one, in the config's order. */
  readonly names: readonly string[];
}

/** A trial of a method on one rung. */
export interface TrialPoint {
  /** Place of the method. */
  readonly method: number;
  readonly trial: number;
  readonly epochs: number;
  /** Whether it is on the last rung. */
  readonly last: boolean;
  /** Of the metric, mean over seeds. */
  readonly score: number;
  /** By field: a number, or a name's place; null: the method does not read it. */
  readonly at: readonly (number | null)[];
}
