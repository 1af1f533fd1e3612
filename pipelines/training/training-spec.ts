/** What a run's config asks to be trained: one `TrainingSpec` for each method and seed, or a fine-tuning. Pure. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { RunConfig } from '../../schemas/config/config.ts';
import { featureDimsOf } from '../../schemas/config/extraction-config.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import type { TrainingConfig } from '../../schemas/config/training-config.ts';
import type { ModelVersion } from '../../schemas/retrain.ts';
import { retrainConfigSchema } from '../../schemas/config/retrain-config.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { settingsThatCount } from './settings-that-count.ts';

const HASH_CHARACTERS = 12;

/**
 * In the config's order of methods, then of seeds; a method or seed named twice counts once.
 *
 * @param dataset the published dataset it trains on
 */
export function trainingSpecs(
  config: RunConfig,
  dataset: { readonly name: string; readonly version: string },
): TrainingSpec[] {
  return [...new Set(config.training.methods)].flatMap((method) =>
    [...new Set(config.training.seeds)].map((seed) =>
      identified(config, {
        formatVersion: 1,
        dataset: { name: dataset.name, version: dataset.version },
        ...modalitiesOf(config),
        method,
        seed,
        training: { ...config.training, methods: [method], seeds: [seed] },
        evaluation: config.evaluation,
        ...usedPlugins(config, method),
      }),
    ),
  );
}

function modalitiesOf({ extraction }: RunConfig): Pick<TrainingSpec, 'modalities' | 'featureDims'> {
  const { modalities } = extraction;
  const featureDims = featureDimsOf(modalities, extraction);
  return { modalities, ...(featureDims === undefined ? {} : { featureDims }) };
}

/** Of the base learning rate, where the config does not say what a fine-tuning uses. */
const FINE_TUNE_RATE_SHARE = 0.1;

/**
 * Training `from`'s model further on a snapshot, by the config's first method and seed, at a constant learning rate.
 *
 * @param dataset a version frozen from the stream, which says what is new
 */
export function fineTuneSpec(
  config: RunConfig,
  dataset: { readonly name: string; readonly version: string },
  from: ModelVersion,
): TrainingSpec {
  const { fineTune } = config.stream?.retrain ?? retrainConfigSchema.parse({});
  const method = config.training.methods[0]!;
  const seed = config.training.seeds[0]!;
  const training: TrainingConfig = {
    ...config.training,
    methods: [method],
    seeds: [seed],
    epochs: fineTune.epochs,
    optimizer: {
      ...config.training.optimizer,
      learningRate: fineTune.learningRate ?? FINE_TUNE_RATE_SHARE * config.training.optimizer.learningRate,
    },
    schedule: { name: 'constant' },
  };
  return identified(config, {
    formatVersion: 1,
    dataset: { name: dataset.name, version: dataset.version },
    ...modalitiesOf(config),
    method,
    seed,
    training,
    evaluation: config.evaluation,
    ...usedPlugins(config, method),
    fineTune: {
      from: { trainingId: from.trainingId, sha256: from.weights.sha256 },
      replayShare: fineTune.replayShare,
    },
  });
}

/** The training by another method that is otherwise the same: the one `trainingSpecs` gives for that method. */
export function withMethod(spec: TrainingSpec, method: MethodName): TrainingSpec {
  const { trainingId, ...rest } = spec;
  const name = trainingId.slice(0, trainingId.lastIndexOf(`-${spec.method}-s`));
  return identified({ name }, { ...rest, method, training: { ...rest.training, methods: [method] } });
}

/** Of the config's plug-ins those that bring something to a training by this method; nothing where all is built in. */
function usedPlugins(
  { plugins = [], training }: RunConfig,
  method: MethodName,
): Pick<TrainingSpec, 'plugins'> {
  const { encoder, fusion, optimizer } = training;
  const names: readonly (string | undefined)[] = [method, encoder.kind, fusion, optimizer.name];
  const used = plugins.flatMap(({ file, sha256, settings, brings }) => {
    const { datasets: _, ...others } = brings ?? {};
    const isUsed = Object.values(others).some((brought) => brought.some((name) => names.includes(name)));
    return isUsed && sha256 !== undefined ? [{ name: basename(file), sha256, settings }] : [];
  });
  return used.length === 0 ? {} : { plugins: used };
}

/** The same spec always has the same id, and another one another. */
function identified(config: Pick<RunConfig, 'name'>, rest: Omit<TrainingSpec, 'trainingId'>): TrainingSpec {
  const { probes, ...evaluation } = rest.evaluation;
  const identity = canonicalJson({
    ...rest,
    training: withoutFiles(settingsThatCount(rest.method, rest.training)),
    // There were no probes once: what was judged then keeps its place, and is not judged again.
    evaluation: probes ? evaluation : rest.evaluation,
  });
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, HASH_CHARACTERS);
  return { ...rest, trainingId: `${config.name}-${rest.method}-s${String(rest.seed)}-${hash}` };
}

/**
 * Pretrained weights count by what is in them, wherever they lie. What was the only way before there was a choice
 * (single precision, views of pictures) is left out: trainings from then keep their ids. So is the engine: a training
 * may go on on another one.
 */
function withoutFiles({ precision, engine: _engine, testView, augment, ...rest }: TrainingConfig): unknown {
  const { view, ...otherAugment } = augment;
  const training = {
    ...rest,
    ...(precision === 'float32' ? {} : { precision }),
    ...(testView === 'centre' ? {} : { testView }),
    augment: view === 'crop' ? otherAugment : augment,
  };
  const { encoder } = training;
  if (!('pretrained' in encoder) || encoder.pretrained === undefined) return training;
  const pretrained = Object.entries(encoder.pretrained).map(
    ([modality, weights]) =>
      [modality, weights.sha256 === undefined ? weights : { ...weights, file: undefined }] as const,
  );
  return { ...training, encoder: { ...encoder, pretrained: Object.fromEntries(pretrained) } };
}

/** JSON with sorted keys, so that the order in which a config was written does not matter. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
