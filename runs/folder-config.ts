/** The config of a run that was given only a folder of clips. */
import { readFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { parseConfig } from '../pipelines/config/load-config.ts';
import type { RunConfig } from '../schemas/config/config.ts';
import type { Screen } from './screen.ts';
import { SCHEMA_LINE, writeNewConfig } from './editor-schema.ts';
import { oneLine } from '../schemas/printable.ts';

export interface FolderConfig {
  readonly file: string;
  readonly text: string;
  readonly config: RunConfig;
  /** The file was there already, and is used as it is. */
  readonly existing: boolean;
}

/**
 * @param folder holds `<class>/**`, or `train/<class>/**` and `test/<class>/**`
 * @param set what `--set` was given: laid over the file's values, and not written to it
 * @returns the config, whose file is `<folder's name>.modalmix.yaml` in the working folder; not yet written
 */
export async function folderConfig(folder: string, set: readonly string[] = []): Promise<FolderConfig> {
  const name = nameOf(folder);
  const file = resolve(`${name}.modalmix.yaml`);
  const before = await readIfThere(file);
  const text = before ?? folderConfigText(name, relative(process.cwd(), resolve(folder)) || '.');
  return { file, text, config: parseConfig(text, file, set), existing: before !== undefined };
}

/** Writes the file and shows it, or says that the one there is used. */
export async function saveFolderConfig(made: FolderConfig, screen: Screen): Promise<void> {
  if (made.existing) {
    screen.say(`Config: ${made.file} (as it is there)`);
    return;
  }
  await writeNewConfig(made.file, made.text);
  screen.say(`Config written to ${made.file}:\n`);
  screen.say(made.text.replace(/^/gmu, '    '));
}

function nameOf(folder: string): string {
  const slug = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/gu, '-')
    .replace(/^[^a-z0-9]+/u, '')
    .slice(0, 63);
  return slug === '' ? 'clips' : slug;
}

function folderConfigText(name: string, root: string): string {
  return `${SCHEMA_LINE}# Made by "modalmix run ${oneLine(root)}". Change what you like and run "modalmix run" on this file.
name: ${JSON.stringify(name)}
store: ${JSON.stringify(`file:${join('.modalmix', 'store')}`)}
dataset:
  format: folder # one folder a class, or train/<class> and test/<class>
  root: ${JSON.stringify(root)}
extraction:
  modalities: [audio, rgb] # add flow for motion
  video: { frames: 3, shortSide: 128 } # the middle of each third; the field's own size is 256
training:
  methods: [joint, b-mm] # also: unimodal, mm, ogm-ge
  seeds: [0]
  epochs: 30
  batchSize: 16
  encoder: { width: 32 } # 64 is ResNet-18 as published; wants a GPU
  cropPx: 112 # the field's own size is 224
  optimizer: { name: sgd, learningRate: 0.02, momentum: 0.9, weightDecay: 0.0001 } # for small networks; the field's own is 0.001
  schedule: { name: cosine }
`;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}
