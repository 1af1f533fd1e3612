/** Builds the command `modalmix` as JavaScript, so that it starts without translating TypeScript. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { replaceFile } from '../../pipelines/process/replace-file.mjs';
import { externalPackages, ownUrls } from '../../pipelines/process/source-bundle.mjs';
import { PROJECT_FOLDER } from '../folders.ts';
import { INFRA_PROGRAMS, type InfraProgram } from '../programs.ts';
import {
  buildPackages,
  buildWorkflowThread,
  fromPackageFiles,
  type PackageFile,
  type PackageSet,
} from './build-packages.ts';
import { BUILD_FILE, BUILT_FOLDER, stampOf, type Build } from './built-command.mjs';
import { NOT_CLIENTS, NOT_WORKERS } from './short-description.ts';

const ENTRIES = { main: 'cli/main.ts', ...INFRA_PROGRAMS };

interface Part {
  /** The command, and what it starts beside itself. */
  readonly programs: readonly ('main' | InfraProgram)[];
  /** Of many small files each; all other packages are loaded from where they are. */
  readonly packages: readonly PackageSet[];
}

const PARTS: readonly Part[] = [
  {
    programs: ['main', 'supervisor-main'],
    packages: [
      { name: 'words', packages: ['commander', 'cli-progress', 'yaml', 'zod'] },
      { name: 'client', packages: ['@temporalio/client', '@temporalio/common'], omitted: NOT_CLIENTS },
    ],
  },
  {
    programs: ['worker-main', 'stream-worker-main'],
    packages: [
      {
        name: 'worker',
        packages: [
          ...['@temporalio/worker', '@temporalio/activity', '@temporalio/client', '@temporalio/common'],
          ...['apache-arrow', 'csv-parse/sync', 'execa', 'p-limit', 'yaml', 'zod'],
        ],
        modules: ['execa', 'p-limit'],
        omitted: NOT_WORKERS,
      },
    ],
  },
];
/** A command that runs for hours may still load parts of an earlier build. */
const KEPT_BUILDS = 3;

/**
 * Our own code, and the packages of most files. Each build has a folder of its own.
 *
 * @param folder below `node_modules`
 */
export async function buildCommand(folder = BUILT_FOLDER): Promise<void> {
  const temporary = join(folder, `new.${String(process.pid)}`);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const inputs = new Set<string>();
  const thread = await buildWorkflowThread(folder, NOT_WORKERS);
  for (const { programs, packages } of PARTS) {
    const files = await Promise.all(packages.map(async (set) => await buildPackages(set, folder, thread)));
    for (const path of await buildPrograms(programs, files, temporary)) inputs.add(path);
  }
  await writeFile(join(temporary, 'package.json'), '{ "type": "module" }\n');
  // Of the packages' versions: their lock file.
  const paths = ['package-lock.json', ...inputs]
    .filter((path) => !/^(?:node_modules\/|package-file:)/u.test(path))
    .map((path) => resolve(PROJECT_FOLDER, path));
  const sources = Object.fromEntries(paths.map((path) => [path, stampOf(path)]));
  const name = createHash('sha256').update(JSON.stringify(sources)).digest('hex').slice(0, 16);
  await rm(join(folder, name), { recursive: true, force: true });
  await rename(temporary, join(folder, name));
  const newest: Build = { project: PROJECT_FOLDER, entry: join(name, 'main.js'), sources };
  await replaceFile(join(folder, BUILD_FILE), JSON.stringify(newest));
  await prune(folder);
}

/** @returns what went into it, relative to the checkout */
async function buildPrograms(
  programs: Part['programs'],
  files: readonly PackageFile[],
  outdir: string,
): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: Object.fromEntries(programs.map((name) => [name, join(PROJECT_FOLDER, ENTRIES[name])])),
    outdir,
    absWorkingDir: PROJECT_FOLDER,
    bundle: true,
    // What a command imports when it runs stays unloaded until then.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    metafile: true,
    logLevel: 'silent',
    plugins: [ownUrls(), fromPackageFiles(files), externalPackages([])],
  });
  return Object.keys(metafile.inputs);
}

/** Of builds, and of each set of packages with what is kept beside its file. */
async function prune(folder: string): Promise<void> {
  const names = await readdir(folder);
  const groups = new Map<string, { stem: string; made: number }[]>();
  for (const name of names) {
    const [, stem, kind = ''] = /^((?:([a-z]+)-)?[0-9a-f]{16})(?:\.cjs)?$/u.exec(name) ?? [];
    if (stem === undefined) continue;
    const made = (await stat(join(folder, name))).mtimeMs;
    groups.set(kind, [...(groups.get(kind) ?? []), { stem, made }]);
  }
  for (const members of groups.values()) {
    members.sort((a, b) => b.made - a.made);
    for (const { stem } of members.slice(KEPT_BUILDS)) {
      const files = names.filter((name) => name === stem || name.startsWith(`${stem}.`));
      for (const file of files) await rm(join(folder, file), { recursive: true });
    }
  }
}
