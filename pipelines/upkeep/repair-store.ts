/**
 * `modalmix repair`: what `verify` found and can be made again is made again. What is damaged is set aside first, in the store's
 * folder `damaged/`, so that nothing is lost to a mistake.
 */
import { createHash } from 'node:crypto';
import type { RunConfig } from '../../schemas/config/config.ts';
import { ModalmixError, describeError } from '../../schemas/errors.ts';
import { storePaths } from '../../schemas/names.ts';
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { TrainingResult } from '../../schemas/training.ts';
import { createExtractor } from '../extraction/create-extractor.ts';
import { readCurrent } from '../models/registry.ts';
import { planFromConfig } from '../shards/plan/plan-dataset.ts';
import { publishManifest, type PublishManifestInput } from '../shards/publish-manifest.ts';
import { buildShard } from '../shards/write/build-shard.ts';
import type { Store } from '../store/store.ts';
import { decodeCheckpoint } from '../training/checkpoints/read-checkpoint.ts';
import { encodeSafetensors } from '../training/checkpoints/safetensors.ts';
import { readStore, type Finding, type ReadStore } from './read-store.ts';
import { verifyStore, type Verification } from './verify-store.ts';

export interface Repair {
  /** As before the repair. */
  readonly found: readonly Finding[];
  /** As after it. */
  readonly left: Verification;
  /** What a person should know: why something could not be made again, what to run. */
  readonly notes: readonly string[];
}

export interface RepairOptions extends Pick<PublishManifestInput, 'shardsInOne' | 'partBytes'> {
  readonly say: (line: string) => void;
}

const DAMAGED_FOLDER = 'damaged';

/** @throws ModalmixError where the store itself cannot be read or written */
export async function repairStore(store: Store, options: RepairOptions): Promise<Repair> {
  const { say } = options;
  const verified = await verifyStore(store);
  const { findings: found } = verified;
  // What is damaged may be what only that release knows to make.
  if (found.some(({ state }) => state === 'newer'))
    return { found, left: verified, notes: ['A newer Modalmix uses this store: nothing was changed.'] };
  const read = await readStore(store);
  const notes: string[] = [];
  const mends = new Set(found.map(({ mend }) => mend));
  for (const finding of found) {
    if (finding.state === 'missing' || finding.mend === 'restore') continue;
    if (finding.mend === 'train') {
      notes.push(...(await remakeWeights(store, finding, read, say)));
      continue;
    }
    await setAside(store, finding.path, say);
    if (finding.mend === 'evaluate' && finding.path.includes('/features/')) {
      // It is written last, and says that there is nothing to do.
      await setAside(store, `${finding.path.split('/').slice(0, 2).join('/')}/evaluation.json`, say);
    }
  }
  for (const { path } of found) {
    const model = /^models\/([^/]+)\/current\.json$/u.exec(path)?.[1];
    if (model !== undefined) await readCurrent(store, model);
  }
  const isOfRebuild = ({ path, mend }: Finding) =>
    mend === 'rebuild' || /^datasets\/[^/]+\/plans\//u.test(path);
  const datasets = new Set(found.filter(isOfRebuild).map(({ path }) => path.split('/')[1] ?? ''));
  for (const name of datasets) notes.push(...(await rebuildDataset(store, name, read, options)));
  if (mends.has('evaluate'))
    notes.push('Evaluations were set aside: "modalmix run <config>" makes them again.');
  if (mends.has('report')) notes.push('Pages and tables are made again by "modalmix report <run>".');
  return { found, left: await verifyStore(store), notes };
}

async function setAside(store: Store, path: string, say: (line: string) => void): Promise<void> {
  const bytes = await store.find(path);
  if (bytes === undefined) return;
  await store.put(`${DAMAGED_FOLDER}/${path}`, bytes);
  await store.delete(path);
  say(`set aside: ${path}`);
}

/** From the checkpoint that the training ended with: the same file, which its hash proves. */
async function remakeWeights(
  store: Store,
  { path }: Finding,
  { files }: ReadStore,
  say: (line: string) => void,
): Promise<string[]> {
  const trainingId = path.split('/')[1] ?? '';
  const result = files.get(storePaths.trainingResult(trainingId))?.content as TrainingResult | undefined;
  if (path.endsWith('/model.safetensors') && result !== undefined) {
    const from = storePaths.checkpoint(trainingId, result.steps);
    try {
      const { model, state } = decodeCheckpoint(await store.get(from), trainingId, from);
      const metadata = { format: 'modalmix-model-1', trainingId, epoch: String(state.epoch) };
      const weights = encodeSafetensors({ tensors: model, metadata });
      if (createHash('sha256').update(weights).digest('hex') === result.model.sha256) {
        await setAside(store, path, say);
        await store.put(path, weights);
        say(`made again from the last checkpoint: ${path}`);
        return [];
      }
    } catch (error) {
      if (!(error instanceof ModalmixError && error.kind === 'input')) throw error;
    }
    return [
      `${path} cannot be made again from ${from}: restore it from a copy, or delete runs/${trainingId} and run again.`,
    ];
  }
  await setAside(store, path, say);
  return path.includes('/checkpoints/step-')
    ? []
    : [`${path} was set aside: "modalmix run <config>" makes it again, from the last checkpoint.`];
}

/** Every version that a run of the dataset names, by the run's config. */
async function rebuildDataset(
  store: Store,
  name: string,
  { files }: ReadStore,
  options: RepairOptions,
): Promise<string[]> {
  const runs = [...files.values()].flatMap(({ path, kind, content }) => {
    const [, runId] = path.split('/');
    if (kind.name !== 'config' || runId === undefined || 'trainingId' in (content as object)) return [];
    const dataset = files.get(storePaths.runDataset(runId))?.content as DatasetManifest | undefined;
    return dataset?.name === name ? [{ config: content as RunConfig, version: dataset.version }] : [];
  });
  const byVersion = new Map(runs.map((run) => [run.version, run]));
  if (byVersion.size === 0)
    return [`No run in the store says how dataset "${name}" is made: run "modalmix rebuild".`];
  const notes: string[] = [];
  for (const { config, version } of byVersion.values()) {
    try {
      const made = await rebuild(store, config, options);
      if (made === version) continue;
      notes.push(
        `The clips of dataset "${name}" or what extracts them have changed since version ${version} was made: it is version ${made} now. Restore the files of ${version} from a copy, or run again with the new one.`,
      );
    } catch (error) {
      if (!(error instanceof ModalmixError) || error.kind === 'internal') throw error;
      notes.push(`Dataset "${name}" cannot be made again: ${describeError(error)}`);
    }
  }
  return notes;
}

/** @returns the version */
async function rebuild(
  store: Store,
  config: RunConfig,
  { say, ...published }: RepairOptions,
): Promise<string> {
  const extractor = await createExtractor(say);
  const plan = await planFromConfig({
    store,
    config,
    extractorVersion: async () => await Promise.resolve(extractor.version),
  });
  const { name } = config;
  const { version } = plan;
  for (const shardIndex of plan.shardsToBuild) {
    const entry = await buildShard({ store, name, version, shardIndex, extractor });
    say(`made again from the clips: ${entry.path}`);
  }
  await publishManifest({ store, name, version, ...published });
  return version;
}
