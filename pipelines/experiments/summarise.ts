/** An experiment's summary: means over seeds, comparisons, and what is not done. Pure. */
import { inOrder, type Modality } from '../../schemas/modality.ts';
import {
  CELL_STATES,
  type CellState,
  type ExperimentConfig,
  type ExperimentRow,
  type ExperimentSummary,
} from '../../schemas/config/experiment.ts';
import { plannedContrasts } from '../../schemas/config/contrasts.ts';
import { spreadOf } from '../evaluation/report/summarise.ts';
import type { CollectedGroup } from './collect-cells.ts';
import { sourceName } from './matrix.ts';
import { compareContrasts } from './compare-contrasts.ts';
import { comparePairs, rankMethods } from './compare-methods.ts';
import { groupSums, isDone, type Done } from './group-sums.ts';
import { clusterInterval, groupMean } from '../statistics/intervals.ts';

export function summariseExperiment(
  experimentId: string,
  config: ExperimentConfig,
  groups: readonly CollectedGroup[],
): ExperimentSummary {
  const cells = groups.flatMap((group) => group.cells);
  const compared = cells.filter(({ condition }) => condition === config.conditions[0]!.name);
  const ranking = rankMethods(compared, config.methods);
  return {
    formatVersion: 1,
    experimentId,
    name: config.name,
    datasets: [...new Set(groups.map(({ dataset }) => dataset))].map((name) => {
      return {
        name,
        ...versionsOf(groups.filter(({ dataset }) => dataset === name)),
        testClips: testClips(compared.filter((cell) => cell.dataset === name).filter(isDone)),
        ...samplingOf(compared.filter((cell) => cell.dataset === name).filter(isDone)),
      };
    }),
    cells: Object.fromEntries(
      CELL_STATES.map((state) => [state, cells.filter((cell) => cell.state === state).length]),
    ) as Record<CellState, number>,
    contrasts: compareContrasts(cells, plannedContrasts(config)),
    rows: rowsOf(groups),
    pairs: comparePairs(compared, config.methods),
    ...(ranking === undefined ? {} : { ranking }),
    notDone: cells
      .filter((cell) => !isDone(cell))
      .map(({ dataset, fold, condition, fusion, method, seed, state, reason, spec }) => ({
        ...{ dataset, condition, fusion, method, seed, state },
        ...(fold === undefined ? {} : { fold }),
        ...(reason === undefined ? {} : { reason }),
        ...(spec === undefined ? {} : { trainingId: spec.trainingId }),
      })),
  };
}

/** How far the best method's accuracy on a dataset would move with other groups of test clips. */
function samplingOf(
  cells: readonly Done[],
): Pick<ExperimentSummary['datasets'][number], 'groups' | 'samplingError'> {
  const sumsOf = (method: string) =>
    groupSums(
      cells.filter((cell) => cell.method === method).map((cell) => ({ cell })),
      (_, __, hit) => Number(hit),
    );
  const found = [...new Set(cells.map(({ method }) => method))].map((method) => {
    const { sums, unit } = sumsOf(method);
    return { unit, count: sums.length, accuracy: groupMean(sums), interval: clusterInterval(sums) };
  });
  const best = found.sort((a, b) => b.accuracy - a.accuracy)[0];
  if (best === undefined) return {};
  const { unit, count, accuracy, interval } = best;
  return {
    groups: { unit, count },
    ...(interval === undefined ? {} : { samplingError: interval[1] - accuracy }),
  };
}

function versionsOf(
  groups: readonly CollectedGroup[],
): Pick<ExperimentSummary['datasets'][number], 'version' | 'versions'> {
  const built = new Map(
    groups.flatMap((group) =>
      group.reference === undefined ? [] : [[group.reference.version, sourceName(group)] as const],
    ),
  );
  const [first] = built.keys();
  if (built.size > 1) return { versions: [...built].map(([version, name]) => ({ name, version })) };
  return first === undefined ? {} : { version: first };
}

/** The folds of one dataset test different clips. */
function testClips(cells: readonly Done[]): number {
  const folds = new Map(cells.map(({ fold, outcome }) => [fold, outcome.evaluation.fused.samples]));
  return [...folds.values()].reduce((sum, one) => sum + one, 0);
}

/** A dataset's folds are blocks of one row. */
function rowsOf(groups: readonly CollectedGroup[]): ExperimentRow[] {
  const tables = new Map<string, CollectedGroup[]>();
  for (const group of groups) {
    const key = JSON.stringify([group.dataset, group.condition, group.fusion]);
    tables.set(key, [...(tables.get(key) ?? []), group]);
  }
  return [...tables.values()].flatMap(tableRows);
}

function tableRows(groups: readonly CollectedGroup[]): ExperimentRow[] {
  const { dataset, condition, fusion } = groups[0]!;
  const cells = groups.flatMap((group) => group.cells);
  return [...new Set(cells.map(({ method }) => method))].flatMap((method) => {
    const done = cells.filter((cell) => cell.method === method).filter(isDone);
    if (done.length === 0) return [];
    const over = (pick: (cell: (typeof done)[number]) => number | undefined) =>
      spreadOf(done.map(pick).filter((value) => value !== undefined));
    const modalities = inOrder(done.flatMap(({ outcome }) => outcome.evaluation.modalities));
    const perModality = (pick: (cell: (typeof done)[number], modality: Modality) => number | undefined) =>
      Object.fromEntries(
        modalities
          .map((modality) => [modality, over((cell) => pick(cell, modality))] as const)
          .filter(([, { values }]) => values.length > 0),
      );
    const probes = perModality(({ outcome }, modality) => outcome.evaluation.probes?.[modality]?.accuracy);
    const memory = over(({ outcome }) => outcome.result.environment.peakMemoryMiB);
    return [
      {
        ...{ dataset, condition, fusion, method },
        seeds: [...new Set(done.map(({ seed }) => seed))],
        ...(done[0]?.fold === undefined ? {} : { folds: [...new Set(done.map(({ fold = '' }) => fold))] }),
        accuracy: over(({ outcome }) => outcome.evaluation.fused.accuracy),
        macroF1: over(({ outcome }) => outcome.evaluation.fused.macroF1),
        meanAveragePrecision: over(({ outcome }) => outcome.evaluation.fused.meanAveragePrecision),
        expectedCalibrationError: over(({ outcome }) => outcome.evaluation.fused.expectedCalibrationError),
        branches: perModality(({ outcome }, modality) => outcome.evaluation.branches[modality]?.accuracy),
        ...(Object.keys(probes).length === 0 ? {} : { probes }),
        seconds: over(({ outcome }) => outcome.seconds),
        ...(memory.values.length === 0 ? {} : { peakMemoryMiB: memory }),
      },
    ];
  });
}
