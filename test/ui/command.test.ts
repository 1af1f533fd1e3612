/** `modalmix ui` as a person starts it: in an empty folder, which stays empty. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { until } from '../support/observe.ts';

const MODALMIX = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));
const QUIET = { MODALMIX_HOME: undefined, TEMPORAL_ADDRESS: undefined, KAFKA_BROKERS: undefined };

test('"modalmix ui" prints an address that opens, ends at Ctrl-C, and leaves nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-ui-command-'));
  const command = execa(process.execPath, [MODALMIX, 'ui', '--json'], {
    cwd: folder,
    env: QUIET,
    reject: false,
    buffer: false,
  });
  let text = '';
  command.stdout.on('data', (bytes: Buffer) => (text += bytes.toString('utf8')));
  await until('its address', () => text.includes('\n'), command);
  const { event, url } = JSON.parse(text.split('\n')[0]!) as { readonly event: string; readonly url: string };
  expect(event).toBe('page');
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/u);
  const answer = await fetch(url, { redirect: 'manual' });
  expect(answer.status).toBe(303);
  command.kill('SIGINT');
  expect((await command).exitCode).toBe(0);
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

test.each([
  [['--port', '99999'], '"99999" is no port'],
  [['--host', '192.0.2.1'], 'cannot be served there'],
])('"modalmix ui %j" says what is wrong', async (flags, words) => {
  const { exitCode, stderr } = await execa(process.execPath, [MODALMIX, 'ui', ...flags], {
    env: QUIET,
    reject: false,
  });
  expect(exitCode).toBe(2);
  expect(stderr).toContain(words);
});

test('with --host it says that others may see it, and that the address is the key', async () => {
  const command = execa(process.execPath, [MODALMIX, 'ui', '--host', '0.0.0.0'], {
    env: QUIET,
    reject: false,
    buffer: false,
  });
  let text = '';
  command.stdout.on('data', (bytes: Buffer) => (text += bytes.toString('utf8')));
  await until('its words', () => text.includes('Ctrl-C'), command);
  expect(text).toMatch(/other machines may reach it.*with its token/u);
  const { port } = new URL(/http\S+/u.exec(text)![0]);
  expect((await fetch(`http://127.0.0.1:${port}/api/stores`)).status).toBe(401);
  command.kill('SIGTERM');
  expect((await command).exitCode).toBe(0);
});
