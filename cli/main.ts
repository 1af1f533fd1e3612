/** The entry of the command: runs the words it was called with and ends with their exit code. */
import { main } from './program.ts';

process.exitCode = await main(process.argv.slice(2));
