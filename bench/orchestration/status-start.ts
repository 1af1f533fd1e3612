/** How long `modalmix status` takes on a machine where server and worker run. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { buildCommand } from '../../infra/command/build-command.ts';
import { secondsOf } from '../harness/in-turns.ts';

const COMMAND = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));

/**
 * In the home folder that the environment names.
 *
 * @param untilReady returns once the worker that the first call starts has started
 * @returns seconds of each call
 */
export async function measureStatus(calls: number, untilReady: () => Promise<void>): Promise<number[]> {
  await buildCommand();
  const status = async () => await execa(process.execPath, [COMMAND, 'status']);
  await status();
  await untilReady();
  const seconds: number[] = [];
  for (let call = 0; call < calls; call += 1) seconds.push(await secondsOf(status));
  return seconds;
}
