/** The entry of the command: runs the words it was called with and ends with their exit code. */
import { EXIT_CODES } from '../schemas/errors.ts';
import { main } from './program/program.ts';

// Whoever reads the output may stop before its end, as `head` does: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_CODES.outputClosed);
});

process.exitCode = await main(process.argv.slice(2));
