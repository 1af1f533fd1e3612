/** What trainings of the same network on the same inputs cost when they were made: from a store's metrics. */
import { canonicalJson } from '../../pipelines/training/training-spec.ts';
import type { Store } from '../../pipelines/store/store.ts';
import { storedManifestSchema } from '../../schemas/manifest.ts';
import type { RunConfig } from '../../schemas/config/config.ts';
import { hashedExtraction } from '../../schemas/config/extraction-config.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import { storePaths } from '../../schemas/names.ts';
import {
  epochMetricsSchema,
  trainingResultSchema,
  trainingSpecSchema,
  type TrainingSpec,
} from '../../schemas/training.ts';

export interface MeasuredTraining {
  readonly trainingId: string;
  readonly method: MethodName;
  /** Of training steps; the median over the epochs. */
  readonly clipsPerS: number;
  readonly parameters: number;
  /** `AMD EPYC, 2 threads`. */
  readonly machine: string;
}

/** Trainings looked at, the config's own name first: each costs a few reads. */
const MOST_LOOKED_AT = 60;

/** Of every finished training in the store whose steps do the same work as this config's, whatever the method. */
export async function measuredTrainings(config: RunConfig, store: Store): Promise<MeasuredTraining[]> {
  const work = workOf(config.extraction, config.training);
  const suffix = '/result.json';
  const ids = (await store.list(storePaths.runs))
    .filter((path) => path.endsWith(suffix))
    .map((path) => path.slice(`${storePaths.runs}/`.length, -suffix.length));
  const own = (id: string) => (id.startsWith(`${config.name}-`) ? 0 : 1);
  const chosen = ids.sort((a, b) => own(a) - own(b)).slice(0, MOST_LOOKED_AT);
  const extractions = new Map<string, Promise<unknown>>();
  const measured: MeasuredTraining[] = [];
  for (const id of chosen) {
    const spec = await readJson(store, storePaths.runConfig(id), trainingSpecSchema);
    if (spec === undefined || spec.training.cropPx !== config.training.cropPx) continue;
    const key = storePaths.manifest(spec.dataset.name, spec.dataset.version);
    const extraction = extractions.get(key) ?? extractionOf(store, key);
    extractions.set(key, extraction);
    if (workOf((await extraction) as RunConfig['extraction'] | undefined, spec.training) !== work) continue;
    const one = await measuredOf(store, spec);
    if (one !== undefined) measured.push(one);
  }
  return measured;
}

/** The median of the method's own trainings, else of all. */
export function rateOf(
  measured: readonly MeasuredTraining[],
  method: MethodName,
): { readonly clipsPerS: number; readonly own: boolean } | undefined {
  const own = measured.filter((one) => one.method === method);
  const counted = own.length > 0 ? own : measured;
  return counted.length === 0
    ? undefined
    : { clipsPerS: median(counted.map(({ clipsPerS }) => clipsPerS)), own: own.length > 0 };
}

/** What a step's work depends on. */
function workOf(extraction: RunConfig['extraction'] | undefined, training: RunConfig['training']): string {
  if (extraction === undefined) return '';
  const { modalities, audio, video, flow } = hashedExtraction(extraction);
  const { encoder, cropPx, precision, batchSize, threads } = training;
  const network = encoder.kind === 'cnn' ? encoder : { ...encoder, pretrained: undefined };
  const { shortSide: _, ...frames } = video;
  return canonicalJson([modalities, audio, frames, flow, network, cropPx, precision, batchSize, threads]);
}

async function extractionOf(store: Store, path: string): Promise<RunConfig['extraction'] | undefined> {
  return (await readJson(store, path, storedManifestSchema))?.extraction;
}

async function measuredOf(store: Store, spec: TrainingSpec): Promise<MeasuredTraining | undefined> {
  const { trainingId, method } = spec;
  const result = await readJson(store, storePaths.trainingResult(trainingId), trainingResultSchema);
  const lines = (await store.find(storePaths.metrics(trainingId)))?.toString('utf8').trim().split('\n') ?? [];
  const rates = lines.flatMap((line) => {
    const parsed = epochMetricsSchema.safeParse(parseOrNothing(line));
    return parsed.success ? [parsed.data.clipsPerS] : [];
  });
  if (result === undefined || rates.length === 0) return undefined;
  const { device, threads, engine } = result.environment;
  return {
    ...{ trainingId, method, clipsPerS: median(rates), parameters: result.parameters },
    machine: engine === 'cpu' ? `${device ?? 'a CPU'}, ${String(threads)} threads` : (device ?? engine),
  };
}

/** What is no such file, or of an older version, is no measurement. */
async function readJson<T>(
  store: Store,
  path: string,
  schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
): Promise<T | undefined> {
  const bytes = await store.find(path);
  if (bytes === undefined) return undefined;
  const parsed = schema.safeParse(parseOrNothing(bytes.toString('utf8')));
  return parsed.success ? parsed.data : undefined;
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
