/** `modalmix recipe`: configs to begin with. */
import type { Command } from 'commander';
import type * as RecipeCommands from '../commands/recipe.ts';
import type { RecipeCopyFlags } from '../commands/recipe.ts';
import type { Screen } from '../../runs/screen.ts';
import { withExamples, type RunCommand } from './command.ts';

type Action = (
  commands: typeof RecipeCommands,
  args: readonly (string | undefined)[],
  flags: RecipeCopyFlags,
  screen: Screen,
) => Promise<void>;

/** Adds `recipe list|show|copy`. */
export function recipeCommand(program: Command, run: RunCommand): void {
  const recipes = program
    .command('recipe')
    .description("configs for known datasets: the field's settings, and what they cost");
  withExamples(recipes, 'modalmix recipe list', 'modalmix recipe copy crema-d --data path/to/CREMA-D');
  const add = (words: string, description: string, action: Action) =>
    recipes
      .command(words)
      .description(description)
      .action(async function (this: Command) {
        await run(this, async (screen) => {
          const commands = await import('../commands/recipe.ts');
          const args = this.processedArgs as (string | undefined)[];
          await action(commands, args, this.opts<RecipeCopyFlags>(), screen);
        });
      });

  const list = add('list', 'what there is', async ({ list }, _args, _flags, screen) => {
    await list(screen);
  });
  withExamples(list, 'modalmix recipe list');
  const show = add(
    'show <name>',
    'the whole config, each setting with its source',
    async ({ show }, [name], _, screen) => {
      await show(name!, screen);
    },
  );
  withExamples(show, 'modalmix recipe show crema-d');
  const copy = add(
    'copy <name> [file]',
    'a config of your own from it; default: <name>.modalmix.yaml',
    async ({ copy }, [name, file], flags, screen) => {
      await copy(name!, file, flags, screen);
    },
  ).option('--data <folder>', 'where the dataset is');
  withExamples(
    copy,
    'modalmix recipe copy crema-d --data path/to/CREMA-D',
    'modalmix recipe copy av-mnist mine.yaml',
  );
}
