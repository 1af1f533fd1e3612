import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const WORKER = fileURLToPath(new URL('../../../infra/workers/stream-worker-main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** As a Kafka client whose broker has gone: it keeps the process's loop alive for ever. */
const NEVER_CLOSES = 'data:text/javascript,setInterval(()=>undefined,1000)';
/** For a busy machine to start the program. */
const PATIENCE_MS = 120_000;

test('a stream worker that is done ends with its exit code, although something in it never closes', async () => {
  const { exitCode, timedOut, stderr, stdout } = await execa(
    process.execPath,
    ['--import', TSX, '--import', NEVER_CLOSES, WORKER, '--role', 'none'],
    { reject: false, timeout: PATIENCE_MS },
  );
  expect({ exitCode, timedOut, stdout }).toEqual({ exitCode: 2, timedOut: false, stdout: '' });
  expect(stderr).toContain('a stream worker needs a role and a config');
});
