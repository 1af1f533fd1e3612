/** A reader of the command's output that goes away, as `head` does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));

test('a command whose output nobody reads any more ends without a word', async () => {
  const command = spawn(process.execPath, [COMMAND, 'doctor', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  command.stdout.destroy();
  const [told] = await Promise.all([text(command.stderr), once(command, 'exit')]);
  expect(told).toBe('');
  expect(command.exitCode).toBe(141);
}, 60_000);
