/** Versions of a model for a terminal. Pure. */
import type { ModelHistory } from '../../pipelines/models/history.ts';
import { verdictOf } from '../../pipelines/models/verdict.ts';
import { modalitiesOf } from '../../schemas/modality.ts';
import type { Drift, ModelComparison, ModelMove, ModelVersion } from '../../schemas/retrain.ts';
import { textTable } from './text-table.ts';

/** A line a version; accuracies in percent. */
export function versionsText({ model, versions, windows, current }: ModelHistory): string {
  const title = `${model}: ${String(versions.length)} ${versions.length === 1 ? 'version' : 'versions'}, ${
    current === undefined ? 'none current' : `current is ${String(current)}`
  }`;
  if (versions.length === 0) return title;
  const header = [
    '',
    'version',
    'made',
    'window',
    'clips',
    'held out',
    'current',
    'new data',
    'current',
    'gate',
  ];
  const rows = versions.map((version) => {
    const { heldOut, newData } = version.comparison ?? {};
    const window = windows.find(({ number }) => number === version.window);
    return [
      version.version === current ? '*' : '',
      String(version.version),
      minute(version.createdAt),
      version.window === undefined ? '–' : String(version.window),
      window === undefined ? '–' : String(window.newClips),
      percent(heldOut?.candidate.accuracy),
      percent(heldOut?.current?.accuracy),
      percent(newData?.candidate.accuracy),
      percent(newData?.current?.accuracy),
      verdict(version),
    ];
  });
  return [
    title,
    textTable({ header, rows, left: [0, 2, 9] }),
    'Accuracies in %, each beside that of the model that was current when it was judged.',
  ].join('\n');
}

/** @param storeUri where its paths are */
export function versionText(history: ModelHistory, version: ModelVersion, storeUri: string): string {
  const { trainingId, method, seed, modalities, dataset, weights, parent, window, decision } = version;
  const facts: [string, string][] = [
    ['made', minute(version.createdAt)],
    ['training', `${trainingId} (${method}, seed ${String(seed)}, ${modalities.join(' + ')})`],
    ['from', parent === undefined ? 'scratch' : `version ${String(parent)}`],
    ...(window === undefined ? [] : [['window', windowText(history, window)] as [string, string]]),
    ['dataset', `${dataset.name}, version ${dataset.version}`],
    ['classes', version.classNames.join(', ')],
    ['weights', `${storeUri}/${weights.path}`],
    ['sha256', weights.sha256],
    ['gate', verdict(version)],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    `${history.model}, version ${String(version.version)}${history.current === version.version ? ' (current)' : ''}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...(decision?.reasons ?? []).map((reason) => `  ${' '.repeat(width)}  – ${reason}`),
    ...(version.comparison === undefined ? [] : ['', comparisonTable(version.comparison)]),
    ...(version.drift === undefined ? [] : ['', driftText(version.drift, version.classNames)]),
  ].join('\n');
}

export function movesText(moves: readonly ModelMove[]): string {
  if (moves.length === 0) return 'It was never current.';
  const rows = moves.map(({ number, at, from, to, by, reason }) => [
    String(number),
    minute(at),
    `${from === undefined ? '–' : String(from)} → ${String(to)}`,
    by,
    reason,
  ]);
  return `Moves to and from it\n${textTable({ header: ['', 'when', 'current', 'by', 'reason'], rows, left: [1, 2, 3, 4] })}`;
}

function windowText({ windows }: ModelHistory, number: number): string {
  const window = windows.find((one) => one.number === number);
  if (window === undefined) return String(number);
  const { newClips, reason, closedAt } = window;
  return `${String(number)}: ${String(newClips)} clips, closed ${minute(closedAt)} (${reason})`;
}

function comparisonTable({ heldOut, newData }: ModelComparison): string {
  const sets = [
    ['held out', heldOut],
    ['new data', newData],
  ] as const;
  const rows = sets.flatMap(([name, judged]) =>
    judged === undefined
      ? []
      : (['candidate', 'current'] as const).flatMap((who) => {
          const scores = judged[who];
          if (scores === undefined) return [];
          const { samples, accuracy, macroF1, meanAveragePrecision, expectedCalibrationError } = scores;
          const shares = [accuracy, macroF1, meanAveragePrecision, expectedCalibrationError];
          return [[name, who, String(samples), ...shares.map(percent)]];
        }),
  );
  const header = ['clips', 'model', 'count', 'accuracy %', 'macro F1 %', 'mAP %', 'calibration error %'];
  return textTable({ header, rows, left: [0, 1] });
}

function driftText(drift: Drift, classNames: readonly string[]): string {
  const { classCounts, classDistance, inputs, featureShift, rho } = drift;
  const modalities = modalitiesOf([inputs, featureShift, rho.old]);
  const byModality = textTable({
    header: ['drift', 'input shift', 'feature shift', 'ρ old', 'ρ new'],
    rows: modalities.map((modality) => [
      modality,
      ...[inputs[modality]?.shift, featureShift[modality], rho.old[modality], rho.new[modality]].map(plain),
    ]),
  });
  const share = (counts: readonly number[], k: number) => {
    const all = counts.reduce((sum, count) => sum + count, 0);
    return percent(all === 0 ? undefined : counts[k]! / all);
  };
  const byClass = textTable({
    header: ['class', 'old', 'new', 'old %', 'new %'],
    rows: classNames.map((name, k) => [
      name,
      String(classCounts.old[k] ?? 0),
      String(classCounts.new[k] ?? 0),
      share(classCounts.old, k),
      share(classCounts.new, k),
    ]),
  });
  return `${byModality}\n\n${byClass}\nClass distance (total variation): ${classDistance.toFixed(3)}`;
}

function verdict(version: ModelVersion): string {
  return verdictOf(version) || '–';
}

/** `2026-05-01 10:00`, UTC. */
function minute(at: string): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : (100 * share).toFixed(1);
}

function plain(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(3);
}
