/** The command line of `modalmix`. */
import { CommanderError, type Command } from 'commander';
import { withoutSecrets } from '../../pipelines/process/secrets.ts';
import { flushSpans, inSpan, isTracing } from '../../pipelines/process/tracing/tracer.ts';
import { EXIT_CODES, ModalmixError, describeError, exitCodeOf } from '../../schemas/errors.ts';
import { openScreen } from '../screens/open-screen.ts';
import type { Screen } from '../../runs/screen.ts';
import type { CommonFlags } from './command.ts';
import { createProgram } from './create-program.ts';
import { printable } from '../../schemas/printable.ts';

/**
 * @param argv the words after `modalmix`
 * @returns the exit code (`schemas/errors.ts`)
 */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT_CODES.ok;
  /** Opens a screen for the command's work; the exit code is the work's, or that of its error. */
  const program = createProgram(async (called: Command, work) => {
    const flags = called.optsWithGlobals<CommonFlags>();
    const screen = openScreen(flags);
    try {
      exitCode = (await traced(called, async () => await work(screen))) ?? EXIT_CODES.ok;
    } catch (error) {
      screen.close();
      exitCode = tellError(error, flags, screen);
    }
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.badInput;
  }
  return exitCode;
}

/** They are no pieces of work, but where pieces are done or asked for. */
const UNTRACED: readonly string[] = ['worker', 'ui', 'serve'];

/** The span of a command, that what it starts is below. */
async function traced<T>(called: Command, work: () => Promise<T>): Promise<T> {
  if (!isTracing() || UNTRACED.includes(called.name())) return await work();
  try {
    return await inSpan(`modalmix ${called.name()}`, work);
  } finally {
    await flushSpans();
  }
}

function tellError(error: unknown, flags: CommonFlags, screen: Screen): number {
  const kind = error instanceof ModalmixError ? error.kind : 'internal';
  if (flags.json === true) {
    const { where, fix } = error instanceof ModalmixError ? error : {};
    const facts = { where: where && withoutSecrets(where), fix: fix && withoutSecrets(fix) };
    const message = withoutSecrets(error instanceof Error ? error.message : String(error));
    screen.event('error', { kind, message, ...facts });
  } else {
    process.stderr.write(`error: ${withoutSecrets(describeError(error))}\n`);
    if (kind === 'internal' && flags.verbose !== true) process.stderr.write('  (more with --verbose)\n');
  }
  if (flags.verbose === true && error instanceof Error)
    process.stderr.write(`${printable(withoutSecrets(error.stack ?? ''))}\n`);
  return exitCodeOf(kind);
}
