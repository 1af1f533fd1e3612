import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { folderConfig, saveFolderConfig } from '../../runs/folder-config.ts';
import { LinesScreen } from '../../cli/screens/lines.ts';
import { loadConfig } from '../../pipelines/config/load-config.ts';

const before = process.cwd();
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-folder-'));
  process.chdir(folder);
});
afterEach(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true });
});

it('makes a config of a folder of clips, named after it, that loads as it was shown', async () => {
  const made = await folderConfig('My Clips: 2');
  expect(made.config).toMatchObject({
    name: 'my-clips-2',
    dataset: { format: 'folder', root: join(process.cwd(), 'My Clips: 2') },
    training: { optimizer: { name: 'sgd', momentum: 0.9 }, schedule: { name: 'cosine' } },
  });
  await saveFolderConfig(made, new LinesScreen());
  expect(await loadConfig(made.file)).toEqual(made.config);
});

it('takes the config that is there already, as a person has changed it', async () => {
  const made = await folderConfig('clips');
  await saveFolderConfig({ ...made, text: made.text.replace('epochs: 30', 'epochs: 3') }, new LinesScreen());
  const again = await folderConfig('clips');
  expect(again).toMatchObject({ existing: true, config: { training: { epochs: 3 } } });
  await saveFolderConfig(again, new LinesScreen());
  expect(await readFile(again.file, 'utf8')).toContain('epochs: 3\n');
});
