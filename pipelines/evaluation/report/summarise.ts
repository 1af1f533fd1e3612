/** The table of methods × scores, and the result in words. Pure. */
import { inOrder, type Modality } from '../../../schemas/modality.ts';
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { Interval, Spread, Summary, SummaryRow } from '../../../schemas/summary.ts';
import type { EvaluationResult } from '../../../schemas/training.ts';
import { bootstrapAccuracy, bootstrapDifference, type GroupTallies } from '../metrics/group-bootstrap.ts';
import { headName } from './head-names.ts';

/** @param evaluations in the config's order; those of one method become a row */
export function summarise(
  runId: string,
  manifest: DatasetManifest,
  evaluations: readonly EvaluationResult[],
): Summary {
  const methods = [...new Set(evaluations.map(({ method }) => method))];
  const byMethod = methods.map((method) => evaluations.filter((one) => one.method === method));
  const rows = byMethod.map(summariseMethod);
  const best = rows.reduce((top, row, i) => (row.accuracy.mean > rows[top]!.accuracy.mean ? i : top), 0);
  const tallies = byMethod.map(sumGroups);
  const groups = evaluations[0]?.groups;
  return {
    formatVersion: 1,
    runId,
    dataset: { name: manifest.name, version: manifest.version },
    testClips: evaluations[0]?.fused.samples ?? 0,
    classes: manifest.classNames.length,
    ...(groups === undefined
      ? {}
      : { testGroups: { count: groups.clips.length, groupedClips: groups.grouped } }),
    rows: rows.map((row, i) => {
      const own = tallies[i];
      const interval = own && bootstrapAccuracy(own);
      const first = tallies[best];
      const behindBest = i === best || !own || !first ? undefined : bootstrapDifference(first, own);
      return {
        ...row,
        ...(interval === undefined ? {} : { interval }),
        ...(behindBest === undefined ? {} : { behindBest }),
      };
    }),
  };
}

/** Over a method's seeds, which all judge the same clips; undefined where an evaluation is too old to say. */
function sumGroups(evaluations: readonly EvaluationResult[]): GroupTallies | undefined {
  const groups = evaluations.map((one) => one.groups).filter((one) => one !== undefined);
  if (groups.length < evaluations.length) return undefined;
  const sum = (pick: (one: (typeof groups)[number]) => readonly number[]) =>
    pick(groups[0]!).map((_, g) => groups.reduce((total, one) => total + pick(one)[g]!, 0));
  return { clips: sum(({ clips }) => clips), right: sum(({ right }) => right) };
}

function summariseMethod(evaluations: readonly EvaluationResult[]): SummaryRow {
  const first = evaluations[0];
  if (first === undefined) throw new RangeError('a method without evaluations');
  const over = (pick: (one: EvaluationResult) => number | undefined): Spread =>
    spreadOf(evaluations.map(pick).filter((value) => value !== undefined));
  const perModality = (pick: (one: EvaluationResult, modality: Modality) => number | undefined) => {
    const spreads = inOrder(evaluations.flatMap(({ modalities }) => modalities)).map(
      (modality) => [modality, over((one) => pick(one, modality))] as const,
    );
    return Object.fromEntries(spreads.filter(([, { values }]) => values.length > 0));
  };
  const scaled = over((one) => one.temperature?.after.expectedCalibrationError);
  return {
    method: first.method,
    seeds: evaluations.map(({ seed }) => seed),
    trainingIds: evaluations.map(({ trainingId }) => trainingId),
    accuracy: over((one) => one.fused.accuracy),
    macroF1: over((one) => one.fused.macroF1),
    meanAveragePrecision: over((one) => one.fused.meanAveragePrecision),
    expectedCalibrationError: over((one) => one.fused.expectedCalibrationError),
    branches: perModality((one, modality) => one.branches[modality]?.accuracy),
    probes: perModality((one, modality) => one.probes?.[modality]?.accuracy),
    ...(scaled.values.length === 0 ? {} : { scaledCalibrationError: scaled }),
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

/** `71.2 … 79.8` in percent. */
export function formatInterval({ low, high }: Interval): string {
  return `${percent(low)} … ${percent(high)}`;
}

/** Fewer than these, and an interval by drawing groups anew is too narrow. */
const FEW_GROUPS = 15;

/** What the intervals of a report draw, in words; undefined where an evaluation is too old to have any. */
export function drawnGroups({
  testGroups,
  testClips,
}: Pick<Summary, 'testGroups' | 'testClips'>): string | undefined {
  if (testGroups === undefined) return undefined;
  const { count, groupedClips } = testGroups;
  if (groupedClips === 0) return 'test clips, which the dataset gives no groups';
  const alone =
    groupedClips < testClips
      ? ` (${String(testClips - groupedClips)} clips without one stand by themselves)`
      : '';
  const few = count < FEW_GROUPS ? '; with so few the intervals are too narrow' : '';
  return `the test clips’ ${String(count)} groups${alone}, with all their clips${few}`;
}

/**
 * Half-width of the 95 % interval of an accuracy measured on `clips` clips (normal approximation of the
 * binomial), as a share: two methods closer than this may differ by the choice of test clips alone. For evaluations
 * too old to say of which groups their clips are.
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
    const seedNoise = Math.max(best.accuracy.std ?? 0, second.accuracy.std ?? 0);
    const { behindBest } = second;
    const apart = behindBest === undefined ? gap > error : behindBest.low > 0;
    sentences.push(
      apart && gap > seedNoise
        ? `That is ${percent(gap)} points above ${second.method}, the next best.`
        : `${second.method} comes within ${percent(gap)} points, which this test split and these seeds cannot tell apart.`,
    );
  }
  const listed = (spreads: Partial<Record<Modality, Spread>>) =>
    (Object.entries(spreads) as [Modality, Spread][]).map(
      ([modality, spread]) => `${headName(modality).toLowerCase()} ${formatSpread(spread)} %`,
    );
  const branches = listed(best.branches);
  const probes = listed(best.probes ?? {});
  if (branches.length > 1) {
    const carried = probes.length === 0 ? '' : `; linear probes of their features: ${probes.join(', ')}`;
    sentences.push(`Its branches alone: ${branches.join(', ')}${carried}.`);
  }
  return sentences;
}
