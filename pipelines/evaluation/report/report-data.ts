/** What the page's charts are drawn from: the one JSON block of the report. */
import type { MethodName } from '../../../schemas/config/methods.ts';
import type { Modality } from '../../../schemas/modality.ts';

export interface ReportData {
  readonly classNames: readonly string[];
  readonly modalities: readonly Modality[];
  /** In the order of the config; colours follow it. */
  readonly methods: readonly MethodName[];
  /** Index into `curves` and `layouts` of the training shown at first: one of the best method's. */
  readonly shown: number;
  readonly curves: readonly TrainingCurves[];
  readonly robustness: Robustness;
  /** Per method, summed over its seeds; rows: true class, columns: predicted. */
  readonly confusion: readonly {
    readonly method: MethodName;
    readonly counts: readonly (readonly number[])[];
  }[];
  readonly layouts: readonly TrainingLayout[];
  /** Most points a plot of a layout has on the page; absent: none was left out. */
  readonly layoutLimit?: number;
}

/** Values by epoch; null where a training has none. */
export type Series = readonly (number | null)[];

export interface TrainingCurves {
  readonly method: MethodName;
  readonly seed: number;
  readonly epochs: readonly number[];
  /** Accuracy by head: `fused` and each modality. */
  readonly accuracy: readonly {
    readonly head: Modality | 'fused';
    readonly train: Series;
    readonly test: Series;
  }[];
  readonly loss: Series;
  /** By modality; `lambda` and `coefficient` only for methods that have them. */
  readonly balance: readonly {
    readonly quantity: 'rho' | 'lambda' | 'coefficient';
    readonly modality: Modality;
    readonly values: Series;
  }[];
}

/** Mean accuracy over seeds by modality, condition and method. */
export interface Robustness {
  /** `intact`, `noise 0.5`, …, `dropped`. */
  readonly conditions: readonly string[];
  readonly byModality: readonly {
    readonly modality: Modality;
    readonly methods: readonly {
      readonly method: MethodName;
      /** One a condition. */
      readonly accuracy: Series;
    }[];
  }[];
}

export interface TrainingLayout {
  readonly method: MethodName;
  readonly seed: number;
  readonly spaces: readonly LayoutOfSpace[];
}

export interface LayoutOfSpace {
  readonly space: Modality | 'fused';
  readonly train: PackedPoints;
  readonly test: PackedPoints;
}

/** Steps of an axis: more than a plot has pixels. */
export const LAYOUT_STEPS = 4_095;
/** So many classes have room in a byte. */
export const BYTE_CLASSES = 256;

export interface PackedPoints {
  readonly count: number;
  /** Base64 of three bytes a point: x, then y, 12 bits each, in 0…`LAYOUT_STEPS` within the space's own bounds. */
  readonly places: string;
  /** Base64 of a byte a point, or of two (the lower first) where there are more than 256 classes. */
  readonly labels: string;
}
