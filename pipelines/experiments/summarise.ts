/** An experiment's summary: means over seeds, comparisons, and what is not done. Pure. */
import { MODALITIES, type Modality } from '../../schemas/modality.ts';
import {
  CELL_STATES,
  type CellState,
  type ExperimentConfig,
  type ExperimentRow,
  type ExperimentSummary,
} from '../../schemas/config/experiment.ts';
import { spreadOf } from '../evaluation/report/summarise.ts';
import type { CollectedGroup } from './collect-cells.ts';
import { comparePairs, isDone, rankMethods } from './compare-methods.ts';

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
      const version = groups.find(({ dataset }) => dataset === name)?.reference?.version;
      const done = cells.find((cell) => cell.dataset === name && isDone(cell));
      return {
        name,
        ...(version === undefined ? {} : { version }),
        testClips: done?.outcome?.evaluation.fused.samples ?? 0,
      };
    }),
    cells: Object.fromEntries(
      CELL_STATES.map((state) => [state, cells.filter((cell) => cell.state === state).length]),
    ) as Record<CellState, number>,
    rows: groups.flatMap(rowsOf),
    pairs: comparePairs(compared, config.methods),
    ...(ranking === undefined ? {} : { ranking }),
    notDone: cells
      .filter((cell) => !isDone(cell))
      .map(({ dataset, condition, fusion, method, seed, state, reason, spec }) => ({
        ...{ dataset, condition, fusion, method, seed, state },
        ...(reason === undefined ? {} : { reason }),
        ...(spec === undefined ? {} : { trainingId: spec.trainingId }),
      })),
  };
}

function rowsOf({ dataset, condition, fusion, cells }: CollectedGroup): ExperimentRow[] {
  return [...new Set(cells.map(({ method }) => method))].flatMap((method) => {
    const done = cells.filter((cell) => cell.method === method).filter(isDone);
    if (done.length === 0) return [];
    const over = (pick: (cell: (typeof done)[number]) => number | undefined) =>
      spreadOf(done.map(pick).filter((value) => value !== undefined));
    const branches: Partial<Record<Modality, ReturnType<typeof spreadOf>>> = {};
    for (const modality of MODALITIES) {
      const spread = over(({ outcome }) => outcome.evaluation.branches[modality]?.accuracy);
      if (spread.values.length > 0) branches[modality] = spread;
    }
    const memory = over(({ outcome }) => outcome.result.environment.peakMemoryMiB);
    return [
      {
        ...{ dataset, condition, fusion, method },
        seeds: done.map(({ seed }) => seed),
        accuracy: over(({ outcome }) => outcome.evaluation.fused.accuracy),
        macroF1: over(({ outcome }) => outcome.evaluation.fused.macroF1),
        meanAveragePrecision: over(({ outcome }) => outcome.evaluation.fused.meanAveragePrecision),
        expectedCalibrationError: over(({ outcome }) => outcome.evaluation.fused.expectedCalibrationError),
        branches,
        seconds: over(({ outcome }) => outcome.seconds),
        ...(memory.values.length === 0 ? {} : { peakMemoryMiB: memory }),
      },
    ];
  });
}
