/** An experiment's result as a long table: a row a cell × metric, as Arrow and as CSV. Pure. */
import {
  Dictionary,
  Float64,
  Int32,
  Table,
  Utf8,
  tableToIPC,
  vectorFromArray,
  type Vector,
} from 'apache-arrow';
import { entriesOf, type Modality } from '../../schemas/modality.ts';
import type { Scores } from '../../schemas/training.ts';
import type { Cell } from './collect-cells.ts';

export interface ResultRow {
  readonly dataset: string;
  /** Empty: its dataset has no folds. */
  readonly fold: string;
  readonly condition: string;
  readonly fusion: string;
  readonly method: string;
  readonly seed: number;
  readonly training_id: string;
  readonly state: string;
  /** `fused` or a modality's branch; empty for costs. */
  readonly head: string;
  /**
   * How the test split was asked: `intact`, `audio dropped`, `rgb noise 0.5`, `rgb blur 2`, `audio mask 0.3`; `probe` is
   * a linear classifier on the head's frozen features.
   */
  readonly test: string;
  readonly metric: string;
  /** Scores are shares in 0…1; null in the one row of a cell that is not done. */
  readonly value: number | null;
}

const METRICS = [
  ['accuracy', (scores: Scores) => scores.accuracy],
  ['macro_f1', (scores: Scores) => scores.macroF1],
  ['mean_average_precision', (scores: Scores) => scores.meanAveragePrecision],
  ['expected_calibration_error', (scores: Scores) => scores.expectedCalibrationError],
] as const;

export function resultRows(cells: readonly Cell[]): ResultRow[] {
  return cells.flatMap((cell) => {
    const { dataset, fold = '', condition, fusion, method, seed, spec, state, outcome } = cell;
    const place = {
      dataset,
      fold,
      condition,
      fusion,
      method,
      seed,
      training_id: spec?.trainingId ?? '',
      state,
    };
    if (outcome === undefined) return [{ ...place, head: '', test: '', metric: '', value: null }];
    const { evaluation, result, seconds } = outcome;
    const scored = (head: string, test: string, scores: Scores): ResultRow[] =>
      METRICS.map(([metric, pick]) => ({ ...place, head, test, metric, value: pick(scores) }));
    const costs: readonly (readonly [string, number | undefined])[] = [
      ['seconds', seconds],
      ['peak_memory_mib', result.environment.peakMemoryMiB],
      ['parameters', result.parameters],
    ];
    return [
      ...scored('fused', 'intact', evaluation.fused),
      ...entriesOf(evaluation.branches).flatMap(([head, scores]) => scored(head, 'intact', scores)),
      ...entriesOf(evaluation.probes ?? {}).map(([head, { accuracy }]): ResultRow => ({
        ...place,
        head,
        test: 'probe',
        metric: 'accuracy',
        value: accuracy,
      })),
      ...testConditions(cell).flatMap(({ test, scores }) => scored('fused', test, scores)),
      ...costs.flatMap(([metric, value]) =>
        value === undefined ? [] : [{ ...place, head: '', test: '', metric, value }],
      ),
    ];
  });
}

export interface TestCondition {
  readonly modality: Modality;
  readonly kind: 'dropped' | 'noise' | 'blur' | 'mask';
  readonly level?: number;
  readonly test: string;
  readonly scores: Scores;
}

/** The ways in which a cell's fused model was asked beside the intact test split. */
export function testConditions({ outcome }: Pick<Cell, 'outcome'>): TestCondition[] {
  if (outcome === undefined) return [];
  const { dropped, noised, blurred = [], masked = [] } = outcome.evaluation;
  const ladder = (kind: 'noise' | 'blur' | 'mask', steps: typeof noised): TestCondition[] =>
    steps.map(({ modality, level, scores }) => {
      return { modality, kind, level, test: `${modality} ${kind} ${String(level)}`, scores };
    });
  return [
    ...(Object.entries(dropped) as [Modality, Scores][]).map(([modality, scores]): TestCondition => ({
      modality,
      kind: 'dropped',
      test: `${modality} dropped`,
      scores,
    })),
    ...ladder('noise', noised),
    ...ladder('blur', blurred),
    ...ladder('mask', masked),
  ];
}

const TEXTS = [
  'dataset',
  'fold',
  'condition',
  'fusion',
  'method',
  'training_id',
  'state',
  'head',
  'test',
  'metric',
] as const;

/** Arrow IPC file: texts as dictionaries, `seed` int32, `value` float64, null where there is none. */
export function resultArrow(rows: readonly ResultRow[]): Uint8Array {
  const columns: Record<string, Vector> = {};
  // Ids of their own: arrow counts them through the process, and the same rows are to give the same bytes.
  for (const [id, name] of TEXTS.entries()) {
    const type = new Dictionary(new Utf8(), new Int32(), id);
    columns[name] = vectorFromArray(
      rows.map((row) => row[name]),
      type,
    );
  }
  columns['seed'] = vectorFromArray(
    rows.map((row) => row.seed),
    new Int32(),
  );
  columns['value'] = vectorFromArray(
    rows.map((row) => row.value),
    new Float64(),
  );
  return tableToIPC(new Table(columns), 'file');
}

const COLUMNS = [
  'dataset',
  'fold',
  'condition',
  'fusion',
  'method',
  'seed',
  'training_id',
  'state',
  'head',
  'test',
  'metric',
  'value',
] as const;

/** RFC 4180, with a header; an empty value is none. */
export function resultCsv(rows: readonly ResultRow[]): string {
  const lines = rows.map((row) => COLUMNS.map((name) => csvField(row[name])).join(','));
  return [COLUMNS.join(','), ...lines, ''].join('\r\n');
}

/** A field of a CSV file, quoted where it has to be. */
export function csvField(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
