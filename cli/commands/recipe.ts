/** `modalmix recipe`: configs for known datasets, with the field's settings and what they cost. */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../pipelines/config/load-config.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { SCHEMA_LINE, writeNewConfig } from '../../runs/editor-schema.ts';
import type { Screen } from '../../runs/screen.ts';
import { shellWord } from '../text/shell-word.ts';
import { textTable } from '../text/text-table.ts';

const RECIPES = fileURLToPath(new URL('../../configs/recipes/', import.meta.url));
/** What a recipe's paths begin with until somebody says where the data are. */
const DATA = 'path/to/data';

export interface RecipeCopyFlags {
  /** The folder of the dataset. */
  readonly data?: string;
}

export async function list(screen: Screen): Promise<void> {
  const names = await recipeNames();
  const recipes = await Promise.all(
    names.map(async (name) => ({ name, about: aboutOf(await readRecipe(name)) })),
  );
  screen.say(
    textTable({
      header: ['recipe', 'what it trains on'],
      rows: recipes.map(({ name, about }) => [name, about]),
      left: [0, 1],
    }),
  );
  screen.event('recipes', { recipes });
}

export async function show(name: string, screen: Screen): Promise<void> {
  const text = await readRecipe(name);
  screen.say(text.trimEnd());
  screen.event('recipe', { name, text });
}

/**
 * @param file absent: `<name>.modalmix.yaml` in the working folder
 * @throws ModalmixError `config` when there is such a file, or no such recipe
 */
export async function copy(
  name: string,
  file: string | undefined,
  { data }: RecipeCopyFlags,
  screen: Screen,
): Promise<void> {
  const target = resolve(file ?? `${name}.modalmix.yaml`);
  const recipe = await readRecipe(name);
  const text = SCHEMA_LINE + (data === undefined ? recipe : withData(recipe, resolve(data)));
  parseConfig(text, target);
  try {
    await writeNewConfig(target, text);
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new ModalmixError('config', there ? 'the file is there already' : 'the file cannot be written', {
      where: target,
      fix: there ? 'Name another file, or remove it.' : 'Name a file in a folder that is there.',
      cause,
    });
  }
  const missing = data === undefined ? `Write where the data are for "${DATA}" in it, then: ` : '';
  screen.say(`Written to ${target}. ${missing}modalmix run ${shellWord(file ?? `${name}.modalmix.yaml`)}`);
  screen.event('copied', { name, file: target });
}

/** The recipe with the data's folder in its paths, whatever characters that has. */
function withData(recipe: string, folder: string): string {
  return recipe.replace(/path\/to\/data(?<rest>[^\s,}]*)/gu, (_, rest: string) =>
    JSON.stringify(`${folder}${rest}`),
  );
}

async function recipeNames(): Promise<string[]> {
  const files = await readdir(RECIPES);
  return files.flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : [])).sort();
}

async function readRecipe(name: string): Promise<string> {
  const names = await recipeNames();
  if (names.includes(name)) return await readFile(join(RECIPES, `${name}.yaml`), 'utf8');
  throw new ModalmixError('config', `there is no recipe "${name}"`, {
    where: 'recipe',
    fix: `The recipes are ${names.join(', ')}.`,
  });
}

/** Its first line without the `#`. */
function aboutOf(recipe: string): string {
  return (recipe.split('\n')[0] ?? '').replace(/^#\s*/u, '');
}
