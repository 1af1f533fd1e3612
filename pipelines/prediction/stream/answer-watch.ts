/** What a window of answers by one version says: figures, and what of them is an alarm. Pure. */
import type { Answer } from '../../../schemas/answer.ts';
import type { AlarmKind, AnswerWindow } from '../../../schemas/answer-window.ts';
import type { WatchConfig } from '../../../schemas/config/watch-config.ts';

/** Of the training clips of the version that answers. */
export interface TrainedOn {
  /** By class; 0 where there is none. */
  readonly classCounts: Readonly<Record<string, number>>;
  /** Mean distance of the sample's clips from one another; absent: not measured. */
  readonly distance?: number | undefined;
}

export type Watched = Pick<Answer, 'fused' | 'scores' | 'label' | 'model' | 'answeredAt'>;

const BINS = 10;

/** @param answers at least one, all by one version, in their order */
export function watchAnswers(
  answers: readonly Watched[],
  trained: TrainedOn,
  limits: WatchConfig,
): Omit<AnswerWindow, 'formatVersion' | 'number'> {
  const first = answers[0]!;
  const named = answers.map(({ fused, label }) => ({ ...mostProbable(fused), label }));
  const classShares = sharesOf(
    Object.keys(trained.classCounts),
    named.map((one) => one.predicted),
  );
  const trainingShares = scaled(trained.classCounts);
  const classDistance =
    Object.entries(trainingShares).reduce(
      (sum, [name, q]) => sum + Math.abs((classShares[name] ?? 0) - q),
      0,
    ) / 2;
  const distances = answers.flatMap(({ scores }) => scores.distance ?? []);
  const distanceFactor =
    distances.length === 0 || trained.distance === undefined || trained.distance === 0
      ? undefined
      : mean(distances) / trained.distance;
  const labelled = calibration(named);
  const figures = {
    ...{ model: first.model.name, version: first.model.version },
    ...{ from: first.answeredAt, to: answers.at(-1)!.answeredAt, answers: answers.length },
    confidence: mean(named.map(({ probability }) => probability)),
    entropy: mean(answers.map(({ scores }) => scores.entropy)),
    ...(distanceFactor === undefined ? {} : { distanceFactor }),
    ...{ classShares, trainingShares, classDistance, labelled },
  };
  const told: readonly (readonly [AlarmKind, number | undefined, number, string])[] = [
    ['classes', classDistance, limits.classShare, 'the answered classes are other ones than in training'],
    [
      'calibration',
      labelled.answers < limits.minLabelled ? undefined : labelled.calibrationError,
      limits.calibrationShare,
      'probabilities are not the share of right answers, on clips that came with a label',
    ],
    ['distance', distanceFactor, limits.distanceFactor, 'clips lie far from the training clips'],
  ];
  const alarms = told.flatMap(([kind, value, limit, what]) =>
    value === undefined || value <= limit
      ? []
      : [{ kind, value, limit, message: `${what}: ${value.toFixed(3)}, above ${String(limit)}` }],
  );
  return { ...figures, alarms };
}

function mostProbable(fused: Answer['fused']): { predicted: string; probability: number } {
  const [predicted, probability] = Object.entries(fused).reduce((best, one) =>
    one[1] > best[1] ? one : best,
  );
  return { predicted, probability };
}

function sharesOf(classes: readonly string[], found: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(classes.map((name) => [name, 0]));
  for (const name of found) counts[name] = (counts[name] ?? 0) + 1;
  return scaled(counts);
}

function scaled(counts: Readonly<Record<string, number>>): Record<string, number> {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, total === 0 ? 0 : count / total]),
  );
}

interface Named {
  readonly predicted: string;
  readonly probability: number;
  readonly label: string | undefined;
}

function calibration(all: readonly Named[]): AnswerWindow['labelled'] {
  const labelled = all.filter(({ label }) => label !== undefined);
  if (labelled.length === 0) return { answers: 0 };
  const right = ({ predicted, label }: Named) => Number(predicted === label);
  const bins = Array.from({ length: BINS }, (_, bin) =>
    labelled.filter(({ probability }) => Math.min(BINS - 1, Math.floor(probability * BINS)) === bin),
  );
  const calibrationError = bins
    .filter((bin) => bin.length > 0)
    .reduce((sum, bin) => {
      const gap = Math.abs(mean(bin.map(right)) - mean(bin.map(({ probability }) => probability)));
      return sum + (bin.length / labelled.length) * gap;
    }, 0);
  return { answers: labelled.length, accuracy: mean(labelled.map(right)), calibrationError };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
