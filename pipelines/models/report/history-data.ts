/** What the charts of a model's page are drawn from: the one JSON block of the page. */

/** Null where there is no value. */
export type Series = readonly (number | null)[];

export interface HistoryData {
  readonly classNames: readonly string[];
  readonly lines: readonly LineChart[];
  /** Absent: no window was compared yet. */
  readonly classShares?: ClassShares;
}

export interface LineChart {
  /** Of its place on the page. */
  readonly key: string;
  readonly axis: Axis;
  readonly unit: 'share' | 'number';
  /** Where the scale begins; absent: below the lowest value. */
  readonly from?: number;
  /** A level to compare with, drawn as a thin line. */
  readonly reference?: number;
  readonly lines: readonly HistoryLine[];
}

export interface Axis {
  readonly name: 'version' | 'window';
  readonly labels: readonly string[];
}

export interface HistoryLine {
  readonly name: string;
  /** Index of a colour. */
  readonly colour: number;
  readonly style: 'solid' | 'dashed';
  readonly values: Series;
  /** How a point is marked; absent: all alike. */
  readonly marks?: readonly PointMark[];
}

export interface PointMark {
  /** Filled, or a ring. */
  readonly filled: boolean;
  /** Beside the point; empty: nothing. */
  readonly label: string;
  /** In the tooltip and the table; empty: nothing. */
  readonly note: string;
}

/** The shares of the classes among clips, a column a set of clips: first those before the first window. */
export interface ClassShares {
  readonly columns: readonly string[];
  /** By class, by column. */
  readonly shares: readonly Series[];
}
