/** What a bench is: a module that measures something of ours, beside a peer in the same run where there is one. */
import type { Figure } from './figure.ts';

export interface BenchContext {
  /** Fewer and smaller: shows that the bench works, not how fast anything is. Nothing is written down. */
  readonly quick: boolean;
  /** Runs a contender; each figure is the median of so many. */
  readonly rounds: number;
  /** Peers too whose set-up fetches gigabytes. */
  readonly allPeers: boolean;
  /** An empty folder, removed afterwards. */
  readonly scratch: string;
  /** A line for the person who waits. */
  readonly say: (line: string) => void;
}

export interface Bench {
  /** As in a heading. */
  readonly title: string;
  /** What was run on what, and what is not in the figures: a sentence or two under the table's heading. */
  readonly method: string;
  readonly measure: (context: BenchContext) => Promise<readonly Figure[]>;
}
