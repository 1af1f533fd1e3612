/** Commands that only look start nothing, and leave nothing, where there is nothing. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { makeTinyClips } from '../support/tiny-clips.ts';

const MODALMIX = fileURLToPath(new URL('../../cli/modalmix.mjs', import.meta.url));
const CONFIG = 'run.yaml';

let folder: string;
let root: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-nothing-'));
  root = await makeTinyClips({ clipsPerClass: 2 });
  await writeFile(join(folder, CONFIG), stringify({ name: 'tiny', dataset: { format: 'folder', root } }));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(root, { recursive: true, force: true });
});

test.each([
  ['status', 0, 'No runs yet'],
  ['status some-run', 2, 'no run "some-run" is known'],
  ['pause some-run', 2, 'no run "some-run" is known'],
  ['cancel some-run', 2, 'no run "some-run" is known'],
  ['report some-run', 2, 'no run "some-run" is known'],
  ['models list', 0, 'No model is registered'],
  ['export --format safetensors --out exported', 2, 'no run has ended in this store'],
  ['recipe list', 0, 'av-mnist'],
  [`stream status --config ${CONFIG}`, 0, 'Nothing has been streamed here yet'],
  [`stream dead-letter list --config ${CONFIG}`, 0, 'Nothing has been streamed here yet'],
  [`stream dead-letter replay --all --config ${CONFIG}`, 2, 'nothing has been streamed here'],
  [`stream stop --config ${CONFIG}`, 2, 'keeps no workers of this stream'],
  ['infra down', 0, 'No embedded Kafka broker has been started here'],
  [`run --dry-run ${CONFIG}`, 0, 'nothing is started, nothing is written'],
])('"modalmix %s" leaves an empty folder empty', async (words, exitCode, says) => {
  const answer = await execa(process.execPath, [MODALMIX, ...words.split(' ')], {
    reject: false,
    all: true,
    cwd: folder,
    env: { MODALMIX_HOME: undefined, TEMPORAL_ADDRESS: undefined, KAFKA_BROKERS: undefined },
  });

  expect(answer.all).toContain(says);
  expect(answer.exitCode).toBe(exitCode);
  expect(await readdir(folder)).toEqual([CONFIG]);
});
