import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copy, list, show } from '../../cli/commands/recipe.ts';
import type { Screen } from '../../runs/screen.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';

const FOLDER = fileURLToPath(new URL('../../configs/recipes/', import.meta.url));
const NAMES = [
  'av-mnist',
  'av-mnist-hard',
  'crema-d',
  'drone-av',
  'grid-letters',
  'kinetics-sounds',
  'ucf-101',
];

const before = process.cwd();
let folder: string;
let said: string[];
const screen: Screen = {
  say: (text) => void said.push(text),
  event: () => undefined,
  progress: () => undefined,
  close: () => undefined,
};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-recipe-'));
  process.chdir(folder);
  said = [];
});
afterEach(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
});

describe('the recipes', () => {
  it('are those of the benchmarks and of the recorded sets, and are listed with what they train on', async () => {
    expect(new Set(await readdir(FOLDER))).toEqual(new Set(NAMES.map((name) => `${name}.yaml`)));
    await list(screen);
    for (const name of NAMES) expect(said.join('\n')).toMatch(new RegExp(`^${name} .*\\S`, 'mu'));
  });

  it.each(NAMES)(
    '%s is a config that loads, named after itself, and says what it needs and costs',
    async (name) => {
      const config = await loadConfig(join(FOLDER, `${name}.yaml`));
      expect(config.name).toBe(name);
      expect(config.training.methods).toEqual(['unimodal', 'joint', 'ogm-ge', 'mm', 'b-mm']);
      expect(config.training.optimizer.name).toBe('sgd');
      const text = await readFile(join(FOLDER, `${name}.yaml`), 'utf8');
      for (const heading of ['Needs', 'Time', 'Disk', 'Sources?']) {
        expect(text).toMatch(new RegExp(`^# ${heading}: +\\S`, 'mu'));
      }
    },
  );

  it("have the field's settings for CREMA-D", async () => {
    await show('crema-d', screen);
    expect(said[0]).toContain('[O] main.py:34');
    const config = await loadConfig(join(FOLDER, 'crema-d.yaml'));
    expect(config).toMatchObject({
      dataset: { format: 'crema-d', split: 'lists' },
      extraction: { audio: { sampleRateHz: 22_050, nFft: 512, hop: 353, fit: 'tile' }, video: { frames: 2 } },
      training: {
        epochs: 100,
        batchSize: 64,
        optimizer: { name: 'sgd', learningRate: 0.001, momentum: 0.9, weightDecay: 0.0001 },
        schedule: { name: 'step', stepEpochs: 70, gamma: 0.1 },
        testView: 'whole',
        ogm: { alpha: 0.8, startEpoch: 0, endEpoch: 50 },
      },
    });
  });

  it("hear Kinetics-Sounds as the field does, and see it in segments, as all of the field's sets", async () => {
    const { extraction } = await loadConfig(join(FOLDER, 'kinetics-sounds.yaml'));
    expect(extraction.audio).toMatchObject({
      frontEnd: 'fbank',
      mel: { bins: 128 },
      durationS: 10,
      fit: 'pad',
    });
    for (const name of ['crema-d', 'kinetics-sounds', 'ucf-101']) {
      const { video } = (await loadConfig(join(FOLDER, `${name}.yaml`))).extraction;
      expect(video).toMatchObject({ sampling: 'segments', candidates: 3 });
    }
  });

  it('are copied with the place of the data, whatever it is called, and never over a file', async () => {
    await copy('kinetics-sounds', undefined, { data: 'my data, "old": 1' }, screen);
    const { dataset, store } = await loadConfig('kinetics-sounds.modalmix.yaml');
    const data = join(process.cwd(), 'my data, "old": 1');
    expect(dataset).toMatchObject({ root: data, trainList: join(data, 'my_train.txt') });
    expect(store).toBe(`file:${join(process.cwd(), '.modalmix', 'store')}`);
    await expect(copy('kinetics-sounds', undefined, {}, screen)).rejects.toMatchObject({
      kind: 'config',
      message: 'the file is there already',
    });
    await copy('ucf-101', 'mine.yaml', {}, screen);
    expect(said.at(-1)).toContain('Write where the data are for "path/to/data"');
    expect(said.at(-1)).toContain('modalmix run mine.yaml');
  });

  it('name the others when there is none of that name', async () => {
    await expect(show('crema', screen)).rejects.toMatchObject({
      kind: 'config',
      fix: expect.stringContaining('av-mnist, av-mnist-hard, crema-d') as string,
    });
  });
});
