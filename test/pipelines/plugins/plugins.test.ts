import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  openStore,
  predict,
  readRun,
  run,
  type ConfigInput,
  type ModalmixError,
} from '../../../api/index.ts';
import { PROJECT_FOLDER } from '../../../infra/folders.ts';
import { loadConfig, resolveConfig } from '../../../pipelines/config/load-config.ts';
import { tf } from '../../../pipelines/engine/tensorflow.ts';
import { pluginPart, usePlugins } from '../../../pipelines/plugins/registry.ts';
import { createOptimizer } from '../../../pipelines/training/optimizers/index.ts';
import { PLUGIN_KIT } from '../../../pipelines/training/plugin-kit.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { readTrainingSpec } from '../../../pipelines/models/open-model.ts';
import { createProject, tinyConfig, type Project } from '../../support/project.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

const EXAMPLES = join(PROJECT_FOLDER, 'examples', 'plugins');
const DATASET = { name: 'tiny', version: '1' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-plugins-'));
  await cp(EXAMPLES, folder, { recursive: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const configOf = async (plugins: ConfigInput['plugins'], training: object = {}, more: object = {}) =>
  await resolveConfig(
    { ...tinyConfig(folder, 'store', training), ...(plugins === undefined ? {} : { plugins }), ...more },
    folder,
  );
const idOf = async (...given: Parameters<typeof configOf>) =>
  trainingSpecs(await configOf(...given), DATASET)[0]!.trainingId;
const failure = async (...given: Parameters<typeof configOf>) =>
  (await configOf(...given).then(
    () => undefined,
    (error: unknown) => error,
  )) as ModalmixError;

const plugin = async (name: string, code: string): Promise<string> => {
  await writeFile(join(folder, name), code);
  return `./${name}`;
};

describe('what a training is', () => {
  const methods = ['x-partner-mix'];

  it('depends on the code and the settings of the plug-ins that it uses, wherever they lie', async () => {
    const id = await idOf(['./partner-mix.ts'], { methods });
    expect(id).toMatch(/^tiny-x-partner-mix-s0-[0-9a-f]{12}$/u);
    await cp(join(folder, 'partner-mix.ts'), join(folder, 'elsewhere', 'partner-mix.ts'));
    expect(await idOf(['./elsewhere/partner-mix.ts'], { methods })).toBe(id);
    expect(await idOf([{ file: './partner-mix.ts', settings: { alpha: 0.5 } }], { methods })).not.toBe(id);
    const changed =
      "export default { methods: { 'x-partner-mix': () => ({ forward: () => { throw new Error('no'); } }) } };";
    expect(await idOf([await plugin('changed.js', changed)], { methods })).not.toBe(id);
  });

  it('does not depend on a plug-in that it does not use', async () => {
    const plain = await idOf(undefined);
    expect(await idOf(['./partner-mix.ts', './lion.ts'])).toBe(plain);
    const lion = await idOf(['./lion.ts'], { optimizer: { name: 'x-lion' } });
    expect(lion).not.toBe(plain);
    expect(await idOf(['./lion.ts', './thin-net.ts'], { optimizer: { name: 'x-lion' } })).toBe(lion);
  });
});

describe('a config with plug-ins', () => {
  it('is refused where a name is brought by none, or by two', async () => {
    const unknown = await failure(['./lion.ts'], { methods: ['x-partner-mx'] });
    expect(unknown).toMatchObject({
      kind: 'config',
      fix: 'Name the file of one that brings it in "plugins".',
    });
    expect(unknown.message).toBe('training.methods: no plug-in brings x-partner-mx');
    expect((await failure(undefined, { fusion: 'x-largest' })).message).toContain(
      'training.fusion: no plug-in brings',
    );
    const twice = await plugin('twice.js', "export default { optimizers: { 'x-lion': () => ({}) } };");
    expect((await failure(['./lion.ts', twice])).message).toMatch(
      /lion\.ts and .*twice\.js both bring x-lion/u,
    );
  });

  it('is refused, with the plug-in named, where one cannot be loaded or its settings are wrong', async () => {
    const setting = await failure([{ file: './partner-mix.ts', settings: { alpha: -1 } }]);
    expect(setting).toMatchObject({ kind: 'config', where: 'partner-mix.ts' });
    expect(setting.message).toBe('its settings are wrong: alpha is -1; it must be more than 0');
    expect((await failure([{ file: './largest.ts', settings: { a: 1 } }])).message).toBe(
      'the plug-in has no settings',
    );
    expect((await failure(['./gone.ts'])).where).toBe(join(folder, 'gone.ts'));
    const broken = await plugin('broken.ts', "throw new Error('not today');");
    expect((await failure([broken])).message).toContain('the plug-in broken.ts cannot be loaded: not today');
    const odd = await plugin('odd.ts', 'export default { methods: { mine: () => 1 } };');
    expect((await failure([odd])).message).toContain('what the plug-in exports by default is none');
    const values = await plugin(
      'values.ts',
      "import { run } from 'modalmix';\nexport default { methods: { 'x-a': run } };",
    );
    expect((await failure([values])).message).toContain('a plug-in imports types alone from modalmix');
  });

  it('still says what is near where a built-in name is misspelt', async () => {
    const file = join(folder, 'misspelt.yaml');
    const wrong = tinyConfig(folder, 'store', {
      methods: ['b-mmm'],
      encoder: { kind: 'resnt' },
      optimizer: { name: 'adam', beta3: 1 },
    });
    await writeFile(file, stringify(wrong));
    const { message } = (await loadConfig(file).catch((error: unknown) => error as Error)) as Error;
    expect(message).toMatch(
      /training\.methods\[0\]: is "b-mmm"; did you mean "b-mm"\? allowed: unimodal, joint/u,
    );
    expect(message).toMatch(
      /training\.encoder\.kind: is "resnt"; did you mean "resnet"\? allowed: resnet, cnn/u,
    );
    expect(message).toMatch(/training\.optimizer\.beta3: there is no such field; did you mean "beta1"\?/u);
  });
});

describe('a plug-in’s parts', () => {
  const read = () => Promise.reject(new Error('bundled here'));

  it('Lion moves a weight as its paper has it', async () => {
    const config = await configOf([{ file: './lion.ts', settings: { beta1: 0.5 } }], {
      optimizer: { name: 'x-lion', weightDecay: 0.1 },
    });
    await usePlugins(trainingSpecs(config, DATASET)[0]!.plugins, read, PLUGIN_KIT);
    const weight = tf.variable(tf.tensor1d([1, -2, 0.5]));
    const optimizer = createOptimizer(new Map([['w', weight]]), config.training.optimizer, false);
    optimizer.apply(new Map([['w', tf.tensor1d([0.3, -0.2, 0])]]), 0.01);
    // w − 0.01 · (sign(0.5 g) + 0.1 w)
    expect([...weight.dataSync()].map((one) => one.toFixed(5))).toEqual(['0.98900', '-1.98800', '0.49950']);
    optimizer.apply(new Map([['w', tf.tensor1d([-0.001, 0, 0])]]), 0.01);
    // m = 0.01 g₁ = 0.003, −0.002, 0: c = 0.001, −0.001, 0
    expect([...weight.dataSync()].map((one) => one.toFixed(5))).toEqual(['0.97801', '-1.97601', '0.49900']);
    optimizer.dispose();
    weight.dispose();
  });

  it('names the plug-in in what goes wrong in it', async () => {
    const code =
      "export default { methods: { 'x-bad': () => ({ forward: () => { throw new Error('nothing to give'); } }) } };";
    const config = await configOf([await plugin('bad.ts', code)], { methods: ['x-bad'] });
    await usePlugins(trainingSpecs(config, DATASET)[0]!.plugins, read, PLUGIN_KIT);
    const { forward } = (pluginPart('methods', 'x-bad') as () => { forward: () => void })();
    expect(forward).toThrow(
      expect.objectContaining({ message: 'nothing to give', where: 'the plug-in bad.ts (x-bad, forward)' }),
    );
  });
});

describe('a run with plug-ins', () => {
  let project: Project;
  let clips: string;
  beforeAll(async () => {
    project = await createProject();
    clips = await makeTinyClips({ clipsPerClass: 12 });
    for (const split of ['train', 'test']) {
      for (const name of ['high', 'low']) {
        const inside = join(clips, split, name);
        for (const file of await readdir(inside)) {
          const side = { label: `sounds-${name}`, split };
          await writeFile(join(inside, file.replace('.mp4', '.json')), JSON.stringify(side));
        }
      }
    }
  }, 300_000);
  afterAll(async () => {
    await project.end();
    await rm(clips, { recursive: true, force: true });
  });

  it('of every kind trains and evaluates, and its model answers when the files are gone', async () => {
    const config = {
      ...tinyConfig(clips, 'all', {
        methods: ['x-partner-mix', 'joint'],
        epochs: 8,
        encoder: { kind: 'x-thin-net' },
        fusion: 'x-largest',
        optimizer: { name: 'x-lion', learningRate: 0.001 },
      }),
      plugins: [
        { file: './partner-mix.ts', settings: { alpha: 0.5 } },
        ...['./thin-net.ts', './largest.ts', './lion.ts', './side-labels.ts'],
      ],
      dataset: { format: 'x-side-labels', root: clips, validationShare: 0 },
    } as object as ConfigInput;
    const job = await run(config, { folder });
    const { scores, dataset, runId } = await job.result();
    expect(scores.rows.map(({ method }) => method)).toEqual(['x-partner-mix', 'joint']);
    expect(scores.testClips).toBe(8);
    // A tone and a colour a class: whoever learns anything learns this.
    for (const { accuracy } of scores.rows) expect(accuracy.mean).toBeGreaterThan(0.7);

    const store = openStore(job.store);
    expect((await store.list('plugins')).length).toBe(5);
    const { trainings } = await readRun(store, runId);
    const spec = await readTrainingSpec(store, trainings[1]!.trainingId);
    expect(spec.plugins!.map(({ name }) => name)).toEqual(['thin-net.ts', 'largest.ts', 'lion.ts']);
    expect(spec.dataset).toEqual(dataset);

    const sources = (await readdir(folder)).filter((name) => name.endsWith('.ts'));
    for (const file of sources) await rm(join(folder, file));
    const files = ['high', 'low'].map((name) => join(clips, 'test', name, `${name}-000.mp4`));
    const { facts, predictions } = await predict(files, { store: job.store, run: runId });
    expect(facts.classNames).toEqual(['sounds-high', 'sounds-low']);
    expect(predictions.map((one) => 'problem' in one)).toEqual([false, false]);
  });
});
