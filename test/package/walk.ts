/**
 * The package as somebody who installs it meets it: an empty folder, `npm install` from the registry, the demo, own clips,
 * a program that uses the API and one with plug-ins. Run by hand (minutes):
 *
 *     node --import tsx test/package/walk.ts [<tarball>]
 *
 * Meanwhile it measures how long `modalmix status` takes, and a killed worker until another one takes work.
 *
 * The caches are the user's: with MODALMIX_CACHE set to an empty folder everything is fetched, too.
 */
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { packPackage } from '../../infra/package/pack.ts';
import { PROJECT_FOLDER } from '../../infra/folders.ts';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { stopTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { makeTinyClips } from '../support/tiny-clips.ts';
import { measureStarts } from './measure-starts.ts';

const EXAMPLES = join(PROJECT_FOLDER, 'examples');

const folder = await mkdtemp(join(tmpdir(), 'modalmix-walk-'));
// Of what runs there, and of what this program asks and stops.
process.env[ENVIRONMENT.home] = join(folder, '.modalmix');
const given = process.argv[2];
const tarball = given === undefined ? await packPackage(folder) : resolve(given);

const step = async (name: string, program: string, ...words: string[]): Promise<string> => {
  const startedAt = performance.now();
  const { stdout } = await execa(program, words, { cwd: folder, stderr: 'inherit' });
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${name}`);
  return stdout;
};
const expectWord = (output: string, word: RegExp): void => {
  if (!word.test(output)) throw new Error(`no ${String(word)} in:\n${output}`);
};

try {
  // As docs/package.md says.
  const overrides = { tar: '7.5.23', werift: '0.24.4' };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', overrides }));
  await step('npm install', 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', tarball);
  await step('modalmix setup', 'npx', 'modalmix', 'setup');
  await step('modalmix status', 'npx', 'modalmix', 'status');
  await measureStarts(folder);
  expectWord(await step('modalmix demo', 'npx', 'modalmix', 'demo'), /^b-mm .*[^]*^Report: /mu);
  await rename(await makeTinyClips(), join(folder, 'clips'));
  expectWord(await step('modalmix run clips', 'npx', 'modalmix', 'run', 'clips'), /^Report: /mu);
  await build({
    entryPoints: [join(EXAMPLES, 'api', 'compare-methods.ts')],
    outfile: join(folder, 'compare-methods.js'),
    format: 'esm',
  });
  expectWord(await step('the API', 'node', 'compare-methods.js', 'clips'), /^b-mm names \d+ of \d+ clips/mu);
  await cp(join(EXAMPLES, 'plugins'), join(folder, 'plugins'), { recursive: true });
  expectWord(
    await step('plug-ins', 'npx', 'modalmix', 'run', join('plugins', 'plugins.yaml')),
    /^x-partner-mix [^]*^Report: /mu,
  );
} finally {
  await stopSupervisor();
  await stopTemporal();
  await rm(folder, { recursive: true, force: true });
}
