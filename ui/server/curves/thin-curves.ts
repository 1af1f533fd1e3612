/** A training's columns as curves over its steps, none of more points than a screen shows. Pure. */
import type { Curve } from '../../wire.ts';
import { lttb } from './lttb.ts';
import type { MetricsTable } from './metrics-table.ts';

/** More than any screen is wide in points of a curve; fewer are asked for by narrow ones. */
export const MOST_POINTS = 2_000;

export interface StepRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** Not drawn over steps. */
const NOT_CURVES = new Set(['epoch', 'step', 'seconds']);

export function thinCurves(table: MetricsTable, most: number, range: StepRange = {}): Curve[] {
  const steps = table.column('step');
  if (steps === undefined) return [];
  const columns = table.names
    .filter((name) => !NOT_CURVES.has(name))
    .map((name) => [name, table.column(name)!] as const);
  return [...columns, ['stepsPerS', stepsPerS(steps, table.column('seconds'))] as const].flatMap(
    ([name, values]) => {
      const { x, y } = within(steps, values, range);
      if (x.length === 0) return [];
      const kept = lttb(x, y, most);
      return [{ name, x: Array.from(kept, (i) => x[i]!), y: Array.from(kept, (i) => rounded(y[i]!)) }];
    },
  );
}

/** Of each epoch: its steps by its seconds. */
function stepsPerS(steps: Float64Array, seconds: Float64Array | undefined): Float64Array {
  return Float64Array.from(steps, (step, i) => (step - (steps[i - 1] ?? 0)) / (seconds?.[i] ?? Number.NaN));
}

/** Points that are there. */
function within(steps: Float64Array, values: Float64Array, { from = -Infinity, to = Infinity }: StepRange) {
  const x: number[] = [];
  const y: number[] = [];
  for (let i = 0; i < steps.length; i += 1) {
    const step = steps[i]!;
    if (step < from || step > to || !Number.isFinite(values[i]!)) continue;
    x.push(step);
    y.push(values[i]!);
  }
  return { x, y };
}

/** Six digits are more than a pixel shows. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
