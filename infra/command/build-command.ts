/** Builds the command `modalmix` as JavaScript, so that it starts without translating TypeScript. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { externalPackages, ownUrls } from '../../pipelines/process/source-bundle.mjs';
import { PROJECT_FOLDER } from '../folders.ts';
import type { InfraProgram } from '../supervise.ts';
import { BUILD_FILE, BUILT_FOLDER, stampOf, type Build } from './built-command.mjs';

/** Taken into the build: of many small files, and nothing else shares its objects with us. */
const BUNDLED_PACKAGES = ['zod'];
/** What it starts, beside itself. */
const PROGRAMS: readonly InfraProgram[] = ['supervisor-main', 'worker-main', 'stream-worker-main'];
/** A command that runs for hours may still load parts of an earlier build. */
const KEPT_BUILDS = 3;

/**
 * Our own code: nearly all packages are loaded from where they are. Each build has a folder of its own.
 *
 * @param folder below `node_modules`
 */
export async function buildCommand(folder = BUILT_FOLDER): Promise<void> {
  const temporary = join(folder, `new.${String(process.pid)}`);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { metafile } = await build({
    entryPoints: {
      main: join(PROJECT_FOLDER, 'cli', 'main.ts'),
      ...Object.fromEntries(PROGRAMS.map((name) => [name, join(PROJECT_FOLDER, 'infra', `${name}.ts`)])),
    },
    outdir: temporary,
    absWorkingDir: PROJECT_FOLDER,
    bundle: true,
    // What a command imports when it runs stays unloaded until then.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    logLevel: 'silent',
    plugins: [ownUrls(), externalPackages(BUNDLED_PACKAGES)],
  });
  await writeFile(join(temporary, 'package.json'), '{ "type": "module" }\n');
  const paths = Object.keys(metafile.inputs)
    .filter((path) => !path.startsWith('node_modules/'))
    .map((path) => resolve(PROJECT_FOLDER, path));
  const sources = Object.fromEntries(paths.map((path) => [path, stampOf(path)]));
  const name = createHash('sha256').update(JSON.stringify(sources)).digest('hex').slice(0, 16);
  await rm(join(folder, name), { recursive: true, force: true });
  await rename(temporary, join(folder, name));
  const newest: Build = { project: PROJECT_FOLDER, entry: join(name, 'main.js'), sources };
  await writeFile(`${temporary}.json`, JSON.stringify(newest));
  await rename(`${temporary}.json`, join(folder, BUILD_FILE));
  await prune(folder);
}

async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{16}$/u.test(name));
  const builds = await Promise.all(
    names.map(async (name) => ({ name, made: (await stat(join(folder, name))).mtimeMs })),
  );
  builds.sort((a, b) => b.made - a.made);
  for (const { name } of builds.slice(KEPT_BUILDS)) await rm(join(folder, name), { recursive: true });
}
