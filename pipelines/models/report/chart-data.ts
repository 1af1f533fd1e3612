/** Turns a model's history into the series that its page draws. Pure. */
import { inOrder, type Modality } from '../../../schemas/modality.ts';
import type { Drift, ModelVersion } from '../../../schemas/retrain.ts';
import { headName } from '../../evaluation/report/head-names.ts';
import type { ModelHistory } from '../history.ts';
import { verdictOf } from '../verdict.ts';
import type { Axis, ClassShares, HistoryData, LineChart, PointMark, Series } from './history-data.ts';

export function historyData(history: ModelHistory): HistoryData {
  const newest = history.versions.at(-1);
  const drifted = history.versions.flatMap((version) =>
    version.drift === undefined ? [] : [{ version, drift: version.drift }],
  );
  const shares = classSharesOf(drifted);
  return {
    classNames: newest?.classNames ?? [],
    lines: [...accuracyCharts(history), ...driftCharts(drifted)],
    ...(shares === undefined ? {} : { classShares: shares }),
  };
}

/** The candidate's and the current model's accuracy, version by version; one chart a set of clips. */
function accuracyCharts(history: ModelHistory): LineChart[] {
  const { versions, current } = history;
  const axis: Axis = { name: 'version', labels: versions.map(({ version }) => String(version)) };
  return (['heldOut', 'newData'] as const).map((set) => {
    const of = (who: 'candidate' | 'current'): Series =>
      series(versions.map(({ comparison }) => comparison?.[set]?.[who]?.accuracy));
    return {
      key: `accuracy/${set}`,
      axis,
      unit: 'share',
      lines: [
        {
          name: 'this version',
          colour: 0,
          style: 'solid',
          values: of('candidate'),
          marks: versions.map((version): PointMark => ({
            filled: version.decision?.promoted === true,
            label: version.version === current ? 'current' : '',
            note: verdictOf(version),
          })),
        },
        { name: 'current before it', colour: 1, style: 'dashed', values: of('current') },
      ],
    };
  });
}

interface Drifted {
  readonly version: ModelVersion;
  readonly drift: Drift;
}

function driftCharts(drifted: readonly Drifted[]): LineChart[] {
  if (drifted.length === 0) return [];
  const axis: Axis = { name: 'window', labels: drifted.map(({ version }) => windowName(version)) };
  const modalities = inOrder(drifted.flatMap(({ version }) => version.modalities));
  const chart = (key: string, lines: LineChart['lines'], more: Partial<LineChart> = {}): LineChart => ({
    key,
    axis,
    unit: 'number',
    from: 0,
    lines,
    ...more,
  });
  const perModality = (valueOf: (drift: Drift, modality: Modality) => number | undefined) =>
    modalities.map((modality, colour) => ({
      name: headName(modality),
      colour,
      style: 'solid' as const,
      values: series(drifted.map(({ drift }) => valueOf(drift, modality))),
    }));
  return [
    chart('drift/class-distance', [
      {
        name: 'distance',
        colour: 0,
        style: 'solid',
        values: series(drifted.map(({ drift }) => drift.classDistance)),
      },
    ]),
    chart(
      'drift/inputs',
      perModality((drift, modality) => drift.inputs[modality]?.shift),
    ),
    chart(
      'drift/features',
      perModality((drift, modality) => drift.featureShift[modality]),
    ),
    ...modalities.map((modality, colour) =>
      chart(
        `drift/rho/${modality}`,
        [['new clips', 'solid', 'new'] as const, ['old clips', 'dashed', 'old'] as const].map(
          ([name, style, side]) => ({
            name,
            colour,
            style,
            values: series(drifted.map(({ drift }) => drift.rho[side][modality])),
          }),
        ),
        { reference: 1 },
      ),
    ),
  ];
}

function classSharesOf(drifted: readonly Drifted[]): ClassShares | undefined {
  const [first] = drifted;
  if (first === undefined) return undefined;
  const columns = [
    { name: 'before', counts: first.drift.classCounts.old },
    ...drifted.map(({ version, drift }) => ({ name: windowName(version), counts: drift.classCounts.new })),
  ];
  return {
    columns: columns.map(({ name }) => name),
    shares: first.version.classNames.map((_, k) =>
      series(
        columns.map(({ counts }) => {
          const all = counts.reduce((sum, count) => sum + count, 0);
          return all === 0 ? undefined : (counts[k] ?? 0) / all;
        }),
      ),
    ),
  };
}

function windowName({ window, version }: ModelVersion): string {
  return window === undefined ? `v${String(version)}` : String(window);
}

/** Four decimals are more than a pixel. */
function series(values: readonly (number | undefined)[]): Series {
  return values.map((value) => (value === undefined ? null : Math.round(value * 1e4) / 1e4));
}
