/** What a server answers by while versions and slow clips come: the real parts, less HTTP. */
import { constants, mkdir, mkdtemp, open, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../../../infra/folders.ts';
import { resolvePlugins } from '../../../pipelines/config/resolve-plugins.ts';
import { chooseModel } from '../../../pipelines/models/choose-model.ts';
import { versionOf } from '../../../pipelines/models/open-model.ts';
import { findVersion, moveCurrent, registerVersion } from '../../../pipelines/models/registry.ts';
import { GivenUp, Predictor } from '../../../pipelines/prediction/serving/predictor.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { runTraining } from '../../../pipelines/training/run-training.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { storePlugins } from '../../../runs/prepare-run.ts';
import { storePaths } from '../../../schemas/names.ts';
import type { ClipPrediction } from '../../../schemas/prediction.ts';
import { publishTinyDataset } from '../../pipelines/evaluation/tiny-dataset.ts';
import { until } from '../../support/observe.ts';
import { predictedBy } from './predicted.ts';

const MODEL = 'tiny';
let folder: string;
let store: Store;
let files: string[];
/** What `modalmix predict` says of `files`, by version. */
const expected = new Map<number, ClipPrediction[]>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-followed-'));
  const clips = join(folder, 'clips');
  store = openStore(`file:${join(folder, 'store')}`);
  const { config, manifest } = await publishTinyDataset(store, clips);
  files = ['low/1', 'high/0'].map((name) => join(clips, 'test', `${name}.mp4`));
  // Version 2 has the plug-in of version 1 with other settings.
  for (const alpha of [0.5, 1]) {
    const plugins = [{ file: join(PROJECT_FOLDER, 'examples/plugins/partner-mix.ts'), settings: { alpha } }];
    const training = { ...config.training, epochs: 1, methods: ['x-partner-mix' as const] };
    const resolved = await resolvePlugins({ ...config, training, plugins }, folder);
    await storePlugins(store, resolved);
    const [spec] = trainingSpecs(resolved, manifest);
    await runTraining({ storeUri: store.uri, spec: spec! });
    const { version } = await registerVersion(store, await versionOf(store, MODEL, spec!), new Date());
    expected.set(version, await predictedBy(store, MODEL, version, files));
  }
  await moveTo(1);
}, 300_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const moveTo = async (to: number) =>
  await moveCurrent(store, { model: MODEL, to, by: 'promote', reason: 'test', now: new Date() });

/** In milliseconds from now. */
const patience = (ms: number, signal = new AbortController().signal) => ({
  signal,
  deadlineMs: performance.now() + ms,
});

async function withPredictor(
  work: (predictor: Predictor, events: string[]) => Promise<void>,
  from = store,
): Promise<void> {
  const events: string[] = [];
  const predictor = new Predictor({
    ...{ store: from, follow: MODEL, maxBatch: 32, maxWaitMs: 5, maxQueue: 64 },
    chosen: await chooseModel(store, { model: `${MODEL}@1` }),
    onEvent: (event, detail) => events.push(`${event} ${detail}`),
  });
  await predictor.start();
  try {
    await work(predictor, events);
  } finally {
    await predictor.stop();
  }
}

it('takes over a version whose plug-in has other settings, and keeps the old one where one cannot be loaded', async () => {
  await moveTo(1);
  await withPredictor(async (predictor, events) => {
    const ask = async () => {
      const { by, predictions } = await predictor.predict(files, patience(60_000));
      const version = by.chosen.version!.version;
      expect(predictions).toEqual(expected.get(version));
      return version;
    };
    expect(await ask()).toBe(1);
    const first = predictor.childPid;

    const { weights } = await findVersion(store, MODEL, 2);
    const kept = await store.get(weights.path);
    await store.put(weights.path, 'no weights');
    await moveTo(2);
    await until('a version that cannot be loaded', () => events.some((one) => one.startsWith('not-loaded')));
    expect([await ask(), predictor.childPid]).toEqual([1, first]);

    // Mended, it is tried again after a while.
    await store.put(weights.path, kept);
    await until('version 2', async () => (await ask()) === 2);
    expect(predictor.childPid).not.toBe(first);
    expect(() => process.kill(first!, 0)).toThrow('ESRCH');
    expect(events.map((one) => one.split(' ')[0])).toEqual(['not-loaded', 'taken-over']);
  });
}, 120_000);

it('reads of the registry nothing but a listing while nothing is new', async () => {
  await moveTo(1);
  const read: string[] = [];
  const note = (name: 'get' | 'find' | 'put') => ({
    value: async (path: string, ...more: [never]) => {
      if (path.startsWith(`${storePaths.models}/`)) read.push(path);
      return await store[name](path, ...more);
    },
  });
  const noting = Object.create(store, { get: note('get'), find: note('find'), put: note('put') }) as Store;
  let listings = 0;
  const list = store.list.bind(store);
  Object.defineProperty(noting, 'list', {
    value: async (...given: Parameters<Store['list']>) => {
      listings += 1;
      return await list(...given);
    },
  });
  await withPredictor(async () => {
    await until('some looks', () => listings >= 3);
    expect(read).toEqual([expect.stringMatching(/\/moves\//u)]);
  }, noting);
}, 60_000);

it('a slow clip holds up nobody else, and ends with who asked', async () => {
  await moveTo(1);
  // A picture that never comes.
  const slow = join(folder, 'slow');
  await mkdir(slow);
  await execa('mkfifo', [join(folder, 'pipe')]);
  await execa('ffmpeg', [
    ...['-loglevel', 'error', '-f', 'lavfi', '-i', 'color=red:size=64x48', '-frames:v', '1'],
    join(slow, '1.png'),
  ]);
  await symlink(join(folder, 'pipe'), join(slow, '2.png'));
  await withPredictor(async (predictor) => {
    const givesUp = new AbortController();
    let ended = false;
    const abandoned = predictor.predict([slow], patience(600_000, givesUp.signal)).finally(() => {
      ended = true;
    });
    abandoned.catch(() => undefined);
    for (let n = 0; n < 3; n += 1) {
      const { predictions } = await predictor.predict(files, patience(60_000));
      expect(predictions).toEqual(expected.get(1));
    }
    expect([ended, predictor.waitingClips]).toEqual([false, 1]);
    givesUp.abort();
    await expect(abandoned).rejects.toBeInstanceOf(GivenUp);
    expect(predictor.waitingClips).toBe(0);
    // What reads the picture ends.
    await (await open(join(folder, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK)).close();
  });
}, 120_000);
