/** Every command and option of `modalmix`, in the groups in which its help shows them. */
import { Command, Option } from 'commander';
import { modalmixVersion } from '../../infra/package-version.ts';
import { adding, withExamples, type Perform, type RunCommand } from './command.ts';
import { comparingCommands, demoCommand, jobCommands } from './jobs.ts';
import { machineCommands } from './machine.ts';
import { modelsCommand } from './models.ts';
import { recipeCommand } from './recipe.ts';
import { scheduleCommand } from './schedule.ts';
import { steeringCommands } from './steering.ts';
import { infraCommand, streamCommand } from './stream.ts';
import { upkeepCommands } from './upkeep.ts';
import { usingCommands } from './using.ts';

export function createProgram(perform: Perform): Command {
  const program = new Command('modalmix')
    .description('From labelled video clips to a trained, balanced multimodal classifier.')
    .version(modalmixVersion())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .addOption(new Option('--json', 'one JSON object a line, for scripts'))
    .addOption(new Option('--verbose', 'show where an error comes from'));
  const add = adding(program, perform);
  const run: RunCommand = async (called, work) => {
    await perform(called, async (screen) => {
      await work(screen);
      return undefined;
    });
  };

  program.commandsGroup('To begin with:').helpCommand(true);
  demoCommand(add);
  recipeCommand(program, run);
  program.commandsGroup('From clips to a report:');
  jobCommands(add);
  program.commandsGroup('Methods and settings compared:');
  comparingCommands(add);
  program.commandsGroup('A trained model:');
  usingCommands(add);
  modelsCommand(program, run);
  program.commandsGroup('Runs under way:');
  steeringCommands(add);
  scheduleCommand(program, run);
  program.commandsGroup('Clips that arrive on Kafka:');
  streamCommand(program, run);
  infraCommand(program, run);
  program.commandsGroup('What is stored:');
  upkeepCommands(add);
  program.commandsGroup('This machine:');
  machineCommands(add, program);

  return withExamples(
    program,
    'modalmix demo  # from nothing to a report, on embedded data',
    'modalmix run clips  # the same on your own: a folder with one folder of clips a class',
    'modalmix predict new.mp4  # by the model trained last',
    'modalmix run --help  # what a command takes, with examples',
  );
}
