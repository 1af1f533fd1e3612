/** How a command of `modalmix` is put together: what does its work, and the examples in its help. */
import type { Argument, Command, Option } from 'commander';
import type { Screen } from '../../runs/screen.ts';

export interface CommonFlags {
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Does a called command's work; what it returns is the exit code (undefined: 0). Errors become messages and exit codes. */
export type Perform = (
  called: Command,
  work: (screen: Screen) => Promise<number | undefined>,
) => Promise<void>;
/** Of commands without an exit code of their own. */
export type RunCommand = (called: Command, work: (screen: Screen) => Promise<void>) => Promise<void>;

/** Adds a command to the program. Each command's module is loaded only when it is called, so that `--help` is quick. */
export type AddCommand = (
  words: string,
  description: string,
  work: (args: readonly string[], flags: never, screen: Screen) => Promise<number | undefined>,
) => Command;

export function adding(program: Command, perform: Perform): AddCommand {
  return (words, description, work) =>
    program
      .command(words)
      .description(description)
      .action(async function (this: Command) {
        await perform(
          this,
          async (screen) =>
            await work(this.processedArgs as string[], this.optsWithGlobals<CommonFlags>() as never, screen),
        );
      });
}

/**
 * Ends a command's help with how it is typed.
 *
 * @param lines each a command as in a shell; after two spaces and `#` what it does
 */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  const parted = lines.map((line) => line.split(/ {2}(?=# )/u));
  const width = Math.max(...parted.map(([typed]) => typed!.length));
  const shown = parted.map(([typed, said]) =>
    said === undefined ? typed! : `${typed!.padEnd(width)}  ${said}`,
  );
  const title = lines.length === 1 ? 'Example:' : 'Examples:';
  return command.addHelpText('after', ['', title, ...shown.map((line) => `  ${line}`)].join('\n'));
}

/** For help and completion alone: the command itself refuses others, so that `--json` tells it, too. */
export function naming<Named extends Argument | Option>(named: Named, values: readonly string[]): Named {
  named.argChoices = [...values];
  return named;
}
