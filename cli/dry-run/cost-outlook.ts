/** What a run's work is expected to take, and what that is reckoned from. */
import { usableCores } from '../../pipelines/process/machine/machine.ts';
import type { Store } from '../../pipelines/store/store.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import type { DataOutlook } from './data-outlook.ts';
import { DEFAULT_RATES } from './default-rates.ts';
import { defaultTrainingRate, extractionSeconds, trainingBytes, usualParameters } from './expected-cost.ts';
import { measuredTrainings, rateOf } from './measured-rates.ts';
import type { TrainingOutlook } from './training-outlook.ts';

export interface CostOutlook {
  readonly extractionS: number;
  /** One after the other, steps alone: neither evaluation nor the report. */
  readonly trainingS: number;
  readonly shardBytes: number;
  readonly trainingBytes: number;
  /** What the times are of, for a person. */
  readonly from: readonly string[];
}

/** @param data absent: it is built already */
export async function expectedCost(
  config: RunConfig,
  store: Store,
  data: DataOutlook | undefined,
  trainings: readonly TrainingOutlook[],
  trainClips: number,
): Promise<CostOutlook> {
  const cores = usableCores();
  const toExtract = data === undefined ? 0 : (data.shards?.clipsToExtract ?? data.clips);
  const extractionS = data === undefined ? 0 : extractionSeconds(toExtract, data.extractorVersion, cores);
  const from = toExtract === 0 ? [] : [`extraction: ${DEFAULT_RATES.extraction.from}`];
  const open = trainings.filter(({ state }) => state === 'new' || state === 'begun');
  if (open.length === 0) {
    return { extractionS, trainingS: 0, shardBytes: data?.bytes ?? 0, trainingBytes: 0, from };
  }
  const measured = await measuredTrainings(config, store);
  const rates = open.map(({ spec }) => rateOf(measured, spec.method));
  const seconds = open.map(({ spec, step = 0 }, i) => {
    const clipsPerS = rates[i]?.clipsPerS ?? defaultTrainingRate(config, cores);
    const { epochs, batchSize } = spec.training;
    const steps = epochs * Math.ceil(trainClips / batchSize);
    return ((epochs * trainClips) / clipsPerS) * Math.max(0, 1 - step / Math.max(1, steps));
  });
  const parameters = measured[0]?.parameters ?? usualParameters(config);
  return {
    extractionS,
    trainingS: seconds.reduce((sum, one) => sum + one, 0),
    shardBytes: data?.bytes ?? 0,
    trainingBytes: open.length * trainingBytes(parameters, config),
    from: [...from, `training: ${trainingSource(measured, rates)}`],
  };
}

function trainingSource(
  measured: Awaited<ReturnType<typeof measuredTrainings>>,
  rates: readonly ReturnType<typeof rateOf>[],
): string {
  if (measured.length === 0) return DEFAULT_RATES.training.from;
  const machines = [...new Set(measured.map(({ machine }) => machine))].join('; ');
  const others = rates.some((rate) => rate?.own === false) ? ', some of them by other methods' : '';
  const count = measured.length === 1 ? '1 earlier training' : `${String(measured.length)} earlier trainings`;
  return `${count} of this store with the same inputs and network (${machines})${others}`;
}
