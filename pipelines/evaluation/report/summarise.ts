/** The table of methods × scores, and the result in words. Pure. */
import { MODALITIES, type Modality } from '../../../schemas/modality.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { Spread, Summary, SummaryRow } from '../../../schemas/summary.ts';
import type { EvaluationResult } from '../../../schemas/training.ts';
import { headName } from './head-names.ts';

/** @param evaluations in the config's order; those of one method become a row */
export function summarise(
  runId: string,
  manifest: DatasetManifest,
  evaluations: readonly EvaluationResult[],
): Summary {
  const methods = [...new Set(evaluations.map(({ method }) => method))];
  return {
    formatVersion: 1,
    runId,
    dataset: { name: manifest.name, version: manifest.version },
    testClips: evaluations[0]?.fused.samples ?? 0,
    classes: manifest.classNames.length,
    rows: methods.map((method) => summariseMethod(evaluations.filter((one) => one.method === method))),
  };
}

function summariseMethod(evaluations: readonly EvaluationResult[]): SummaryRow {
  const first = evaluations[0];
  if (first === undefined) throw new RangeError('a method without evaluations');
  const over = (pick: (one: EvaluationResult) => number | undefined): Spread =>
    spreadOf(evaluations.map(pick).filter((value) => value !== undefined));
  const branches: Partial<Record<Modality, Spread>> = {};
  for (const modality of MODALITIES) {
    const spread = over((one) => one.branches[modality]?.accuracy);
    if (spread.values.length > 0) branches[modality] = spread;
  }
  return {
    method: first.method,
    seeds: evaluations.map(({ seed }) => seed),
    trainingIds: evaluations.map(({ trainingId }) => trainingId),
    accuracy: over((one) => one.fused.accuracy),
    macroF1: over((one) => one.fused.macroF1),
    meanAveragePrecision: over((one) => one.fused.meanAveragePrecision),
    expectedCalibrationError: over((one) => one.fused.expectedCalibrationError),
    branches,
  };
}

export function spreadOf(values: readonly number[]): Spread {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, values: [...values] };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return { mean, std: Math.sqrt(variance), values: [...values] };
}

const percent = (share: number): string => (100 * share).toFixed(1);

/** `84.2 ± 0.6` in percent, without the unit. */
export function formatSpread({ mean, std }: Spread): string {
  return std === undefined ? percent(mean) : `${percent(mean)} ± ${percent(std)}`;
}

/**
 * Half-width of the 95 % interval of an accuracy measured on `clips` clips (normal approximation of the
 * binomial), as a share: two methods closer than this may differ by the choice of test clips alone.
 */
export function samplingError(accuracy: number, clips: number): number {
  return 1.96 * Math.sqrt((accuracy * (1 - accuracy)) / Math.max(1, clips));
}

function ranked(summary: Summary): SummaryRow[] {
  return [...summary.rows].sort((a, b) => b.accuracy.mean - a.accuracy.mean);
}

/** The method with the highest mean accuracy; of equals the first of the config. */
export function bestRow(summary: Summary): SummaryRow | undefined {
  return ranked(summary)[0];
}

/** The headline, as sentences: who came out best, by how much, and whether that says anything. */
export function headline(summary: Summary): string[] {
  const [best, second] = ranked(summary);
  if (best === undefined) return ['Nothing was trained.'];
  const error = samplingError(best.accuracy.mean, summary.testClips);
  const seeds = best.seeds.length > 1 ? `, mean of ${String(best.seeds.length)} seeds` : '';
  const sentences = [
    `${best.method} names the right class for ${formatSpread(best.accuracy)} % of ${String(summary.testClips)} test clips${seeds}; guessing would get ${percent(1 / summary.classes)} %.`,
  ];
  if (second !== undefined) {
    const gap = best.accuracy.mean - second.accuracy.mean;
    const noise = Math.max(error, best.accuracy.std ?? 0, second.accuracy.std ?? 0);
    sentences.push(
      gap > noise
        ? `That is ${percent(gap)} points above ${second.method}, the next best.`
        : `${second.method} comes within ${percent(gap)} points, which this test split and these seeds cannot tell apart.`,
    );
  }
  const branches = (Object.entries(best.branches) as [Modality, Spread][]).map(
    ([modality, spread]) => `${headName(modality).toLowerCase()} ${formatSpread(spread)} %`,
  );
  if (branches.length > 1) sentences.push(`Its branches alone: ${branches.join(', ')}.`);
  return sentences;
}
