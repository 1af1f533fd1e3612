/** The steps of retraining: each takes its window's facts from the store and leaves what it made there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runComparison } from '../pipelines/models/compare-models.ts';
import { openModel as openModelStage, readTrainingSpec } from '../pipelines/models/open-model.ts';
import { recordText } from '../pipelines/models/records.ts';
import { findVersion, readCurrent } from '../pipelines/models/registry.ts';
import { writeModelsReport } from '../pipelines/models/report/write-report.ts';
import {
  candidateSpec,
  decideWindow as decideWindowStage,
  retrainConfigOf,
  startWindow,
  type WindowWork,
} from '../pipelines/models/retrain-window.ts';
import { findOutcome, listWindows, lookAtWindow } from '../pipelines/models/windows.ts';
import { loadManifest } from '../pipelines/shards/manifest/load-manifest.ts';
import { extractionKeyOf } from '../pipelines/streaming/rows/feature-record.ts';
import { storePaths } from '../schemas/names.ts';
import type { WindowComparison } from '../schemas/retrain.ts';
import {
  progressKeys,
  type AwaitWindowInput,
  type AwaitWindowOutput,
  type CompareModelsInput,
  type DecideWindowInput,
  type DecideWindowOutput,
  type FindWindowsInput,
  type FindWindowsOutput,
  type FineTuneInput,
  type FreezeWindowOutput,
  type OpenModelInput,
  type OpenModelOutput,
  type TrainModelOutput,
  type WindowReference,
} from '../schemas/workflows.ts';
import { readRunConfig, readRunDataset } from './run-config.ts';
import { runStage } from './run-stage.ts';
import { trainInPlace } from './train.ts';
import type { Services } from './services.ts';

const LOOK_AGAIN_MS = 1_000;

/** What a retraining that starts finds: windows that are not done with, and whether there is a model. */
export async function findWindows(services: Services, input: FindWindowsInput): Promise<FindWindowsOutput> {
  return await runStage(progressKeys.window, async () => {
    const store = services.openStore(input.storeUri);
    const windows = await listWindows(store, input.model);
    const waiting: number[] = [];
    for (const { number } of windows) {
      if ((await findOutcome(store, input.model, number)) === undefined) waiting.push(number);
    }
    const hasModel = (await readCurrent(store, input.model)) !== undefined;
    return { waiting, open: windows.length + 1, hasModel };
  });
}

/** Registers the main job's training as the model's first version. */
export async function openModel(services: Services, input: OpenModelInput): Promise<OpenModelOutput> {
  return await runStage(progressKeys.decide, async () => {
    const store = services.openStore(input.storeUri);
    const config = await readRunConfig(store, input.runId);
    const { model, dataset } = input;
    const { version } = await openModelStage({ store, config, model, dataset, now: new Date() });
    await writeModelsReport({ store, model });
    return { version };
  });
}

/** Waits until the open window closes; told to close it now, only says whether it held anything. */
export async function awaitWindow(services: Services, input: AwaitWindowInput): Promise<AwaitWindowOutput> {
  return await runStage(progressKeys.window, async ({ signal, onProgress }) => {
    const store = services.openStore(input.storeUri);
    const config = await readRunConfig(store, input.runId);
    const base = await readRunDataset(store, input.runId);
    const { name, extraction, extractorVersion } = await loadManifest(store, base.name, base.version);
    const { window } = retrainConfigOf(config);
    let told = -1;
    for (;;) {
      const looked = await lookAtWindow(input.window, {
        ...{ store, model: input.model, dataset: name, window, closeNow: input.now, now: new Date() },
        extractionKey: extractionKeyOf(extraction, extractorVersion),
      });
      if ('closedAt' in looked) return { closed: true };
      if (input.now) return { closed: false };
      if (looked.clips !== told) onProgress({ done: looked.clips, total: window.clips });
      told = looked.clips;
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    }
  });
}

/** Freezes the dataset as it was when the window closed. */
export async function freezeWindow(services: Services, input: WindowReference): Promise<FreezeWindowOutput> {
  return await runStage(progressKeys.freeze, async ({ signal }) => {
    const work = await workOf(services, input);
    return await startWindow(work, await readRunDataset(work.store, input.runId), signal);
  });
}

/** Trains the window's candidate, from its last checkpoint where there is one. */
export async function fineTune(services: Services, input: FineTuneInput): Promise<TrainModelOutput> {
  return await runStage(progressKeys.fineTune, async ({ signal, onProgress }) => {
    const spec = await candidateSpec(await workOf(services, input), input.dataset, input.parent);
    const training = { spec, signal, onProgress };
    const { trainingId, steps, epochs, model } = await trainInPlace(services, input, training);
    return { trainingId, steps, epochs, weightsSha256: model.sha256 };
  });
}

/** Judges candidate and current model on the same clips; a comparison that is there is kept. */
export async function compareModels(services: Services, input: CompareModelsInput): Promise<void> {
  await runStage(progressKeys.compare, async ({ signal, onProgress }) => {
    const work = await workOf(services, input);
    const { store, model, window } = work;
    const path = storePaths.retrainWindowComparison(model, window, input.against);
    if (await store.exists(path)) return;
    const against = await findVersion(store, model, input.against);
    const compared = {
      storeUri: input.storeUri,
      dataset: input.dataset,
      candidate: await candidateSpec(work, input.dataset, input.parent),
      current: await readTrainingSpec(store, against.trainingId),
    };
    const judged: WindowComparison = await services.places.use(
      async (place) => await runComparison({ ...compared, signal, onProgress, place }),
    );
    await store.put(path, recordText(judged));
  });
}

/** Registers the candidate, asks the gate, and shows the model's history anew. */
export async function decideWindow(
  services: Services,
  input: DecideWindowInput,
): Promise<DecideWindowOutput> {
  return await runStage(progressKeys.decide, async () => {
    const work = await workOf(services, input);
    const decided = await decideWindowStage({
      ...work,
      start: { dataset: input.dataset, parent: input.parent },
      ...(input.against === undefined ? {} : { against: input.against }),
      now: new Date(),
    });
    if ('compareWith' in decided) return { promoted: false, note: '', compareWith: decided.compareWith };
    await writeModelsReport({ store: work.store, model: work.model });
    const { version, promoted, note } = decided;
    return { ...(version === undefined ? {} : { version }), promoted, note };
  });
}

async function workOf(services: Services, input: WindowReference): Promise<WindowWork> {
  const store = services.openStore(input.storeUri);
  return {
    store,
    config: await readRunConfig(store, input.runId),
    model: input.model,
    window: input.window,
  };
}
