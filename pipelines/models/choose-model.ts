/** Which trained model a person means: a run's, a training, a registered version, or simply the newest. */
import type { RunConfig } from '../../schemas/config/config.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { ChosenModel } from '../../schemas/prediction.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { anyConfigSchema } from '../../schemas/stored-config.ts';
import { findRunDataset } from '../shards/manifest/load-manifest.ts';
import type { Store } from '../store/store.ts';
import { parseStored } from '../store/stored-json.ts';
import { trainingSpecs } from '../training/training-spec.ts';
import { readTrainingSpec } from './open-model.ts';
import { findVersion, knownModels, readCurrent } from './registry.ts';

export interface ModelChoice {
  /** Id of a run, or of one training. */
  readonly run?: string;
  /** `<name>`: its current version; `<name>@<version>`. Excludes `run`. */
  readonly model?: string;
  /** A run, a training or a model; of the same name the run. Excludes both. */
  readonly named?: string;
  /** Which of a run's trainings; absent: the first method and seed of its config. */
  readonly method?: string;
  readonly seed?: number;
}

const RUN_ID = /^[\w.-]+$/u;

/**
 * With none of `run`, `model` and `named`: the run whose summary was written last, else the training that ended last.
 *
 * @throws ModalmixError `config` when there is no such run, training, model or version; `input` when a record cannot
 *   be read
 */
export async function chooseModel(store: Store, choice: ModelChoice): Promise<ChosenModel> {
  const { named } = choice;
  const isRun =
    named !== undefined && RUN_ID.test(named) && (await store.exists(storePaths.runConfig(named)));
  const model = choice.model ?? (isRun ? undefined : named);
  if (model !== undefined) return await registeredModel(store, model);
  const run = choice.run ?? named ?? (await newest(store));
  const found = await readRun(store, run);
  if ('trainingId' in found) return judgedWeights(found);
  const dataset = await findRunDataset(store, run);
  if (dataset === undefined) {
    throw new ModalmixError('config', "the run's dataset has not been built, so it has no model", {
      where: `${store.uri}/${storePaths.run(run)}`,
      fix: 'Let the run end first: "modalmix status" shows how far it is.',
    });
  }
  const specs = trainingSpecs(found, dataset);
  const chosen = specs.find(
    ({ method, seed }) =>
      (choice.method === undefined || method === choice.method) &&
      (choice.seed === undefined || seed === choice.seed),
  );
  if (chosen === undefined) throw noSuchTraining(run, specs);
  return judgedWeights(chosen);
}

/** The weights that the training's own evaluation judges. */
function judgedWeights(spec: TrainingSpec): ChosenModel {
  return { spec, weights: spec.evaluation.weights };
}

async function registeredModel(store: Store, words: string): Promise<ChosenModel> {
  const [model = '', asked, ...rest] = words.split('@');
  if (rest.length > 0 || model === '' || (asked !== undefined && !/^[1-9]\d*$/u.test(asked))) {
    throw new ModalmixError('config', `"${words}" names no model`, {
      where: '--model',
      fix: 'Write <name>, or <name>@<version> with a version from "modalmix models list".',
    });
  }
  const version =
    asked === undefined
      ? (await readCurrent(store, model))?.version
      : await findVersion(store, model, Number(asked));
  if (version === undefined) {
    throw new ModalmixError('config', `no version of a model "${model}" is current`, {
      where: `${store.uri}/${storePaths.modelMoves(model)}`,
      fix: await knownModels(store),
    });
  }
  return {
    spec: await readTrainingSpec(store, version.trainingId),
    weights: 'last',
    version: { model, version: version.version },
  };
}

async function readRun(store: Store, run: string): Promise<RunConfig | TrainingSpec> {
  const path = storePaths.runConfig(run);
  const bytes = RUN_ID.test(run) ? await store.find(path) : undefined;
  if (bytes === undefined) {
    const runs = (await runFolders(store)).filter(({ file }) => file === 'summary.json');
    throw new ModalmixError('config', `there is no run "${run}"`, {
      where: store.uri,
      fix:
        runs.length === 0
          ? 'No run has ended in this store. Name another with --store or --config.'
          : `Runs that have ended: ${runs.map(({ id }) => id).join(', ')}.`,
    });
  }
  const where = `${store.uri}/${path}`;
  return parseStored(bytes, anyConfigSchema, where, 'restart');
}

async function newest(store: Store): Promise<string> {
  const folders = await runFolders(store);
  for (const wanted of ['summary.json', 'result.json']) {
    const dated = await Promise.all(
      folders
        .filter(({ file }) => file === wanted)
        .map(async ({ id, path }) => ({ id, at: (await store.writtenAt(path))?.getTime() ?? 0 })),
    );
    const last = dated.reduce<(typeof dated)[number] | undefined>(
      (best, one) => (best === undefined || one.at >= best.at ? one : best),
      undefined,
    );
    if (last !== undefined) return last.id;
  }
  throw new ModalmixError('config', 'no run has ended in this store, so there is no model', {
    where: store.uri,
    fix: 'Start one with "modalmix run", or name another store with --store or --config.',
  });
}

/** The files that lie directly in a run's folder. */
async function runFolders(store: Store): Promise<{ id: string; file: string; path: string }[]> {
  return (await store.list(storePaths.runs)).flatMap((path) => {
    const [, id, file, ...deeper] = path.split('/');
    return id === undefined || file === undefined || deeper.length > 0 ? [] : [{ id, file, path }];
  });
}

function noSuchTraining(run: string, specs: readonly TrainingSpec[]): ModalmixError {
  const name = (method: MethodName, seed: number) => `${method} with seed ${String(seed)}`;
  return new ModalmixError('config', 'the run has no such training', {
    where: run,
    fix: `It has ${specs.map(({ method, seed }) => name(method, seed)).join(', ')}.`,
  });
}
