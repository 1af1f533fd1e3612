/** What the charts of an experiment's page are drawn from: the one JSON block of the page. */

export interface ExperimentData {
  /** Where there are several conditions. */
  readonly curves?: ConditionCurves;
  readonly cost: readonly CostPoint[];
  readonly ranking?: {
    /** From the best mean rank. */
    readonly methods: readonly string[];
    readonly ranks: readonly number[];
    readonly criticalDifference: number;
    /** First and last place of methods that are not told apart. */
    readonly groups: readonly (readonly [number, number])[];
  };
}

export interface ConditionCurves {
  /** In the config's order, along the bottom. */
  readonly conditions: readonly string[];
  /** One for each dataset and fusion. */
  readonly charts: readonly {
    readonly title: string;
    readonly methods: readonly {
      readonly method: string;
      /** Its colour and shape follow from it. */
      readonly index: number;
      /** Shares, over folds and seeds; null where nothing is trained. */
      readonly accuracy: readonly (number | null)[];
    }[];
  }[];
}

/** A method under the first condition, over the seeds, on one dataset with one fusion. */
export interface CostPoint {
  readonly method: string;
  /** Dataset and fusion, where there are several; else empty. */
  readonly where: string;
  /** Of the method; its colour and shape follow from it. */
  readonly index: number;
  readonly accuracy: number;
  readonly seconds: number;
  readonly peakMemoryMiB: number | null;
}
