/**
 * Builds what a package has instead of sources, into `dist/`: programs, types, the bundle of the workflows and the
 * scripts of the pages. What programs read beside them is in package.json's `files`.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { execa } from 'execa';
import { bundleClient } from '../../pipelines/evaluation/report/bundle-client.ts';
import { bundleLivePage } from '../../pipelines/evaluation/report/bundle-live-page.ts';
import { packedPage, packedUi, PACKED_WORKFLOWS } from '../../pipelines/process/packed.mjs';
import { description, oneProtobuf } from '../command/build-packages.ts';
import { childEntries } from '../command/bundle-children.ts';
import { NOT_CLIENTS } from '../command/short-description.ts';
import { PROJECT_FOLDER } from '../folders.ts';
import { INFRA_PROGRAMS } from '../programs.ts';
import { sbomText } from '../supply/sbom.ts';
import { withPortableMap } from './portable-map.ts';
import { workflowBundle } from '../workers/workflow-bundle.ts';

const DIST = join(PROJECT_FOLDER, 'dist');
const PAGES = ['evaluation', 'models', 'experiments', 'searches'].map((stage) =>
  join(PROJECT_FOLDER, 'pipelines', stage, 'report', 'client', 'main.ts'),
);
/** With its slash: a folder. */
const LIVE_PAGE = join(PROJECT_FOLDER, 'ui', 'client', '/');
/** Started by set-up, to see what can be loaded. */
const PROBES = ['tensorflow-facts', 'webgpu-adapter'].map((what) => `infra/setup/probes/print-${what}.ts`);

/** Many small files each, and nothing else shares their objects with us: a program starts sooner with them inside. */
const SMALL = ['zod', 'apache-arrow', 'commander', 'cli-progress', 'yaml', 'csv-parse', 'p-limit'];
/** Of programs that load no `@temporalio/worker`, which has its own. */
const CLIENT = ['@temporalio/client', '@temporalio/common'];
export const BUILT_IN = { command: [...SMALL, ...CLIENT], worker: SMALL } as const;

/** What package.json says that the package exports, and the command, by the file that each is built of. */
const ENTRIES = {
  main: 'cli/main.ts',
  api: 'api/index.ts',
  'set-up': 'infra/setup/set-up-package.ts',
};

/**
 * @throws Error of esbuild or of TypeScript
 */
export async function buildPackage(): Promise<void> {
  await rm(DIST, { recursive: true, force: true });
  const { 'supervisor-main': supervisor, ...workers } = INFRA_PROGRAMS;
  await buildPrograms({ ...ENTRIES, ...named([supervisor]) }, BUILT_IN.command);
  await buildPrograms(
    named([...Object.values(workers), ...(await childEntries()), ...PROBES]),
    BUILT_IN.worker,
  );
  for (const page of PAGES) {
    await mkdir(dirname(packedPage(page)), { recursive: true });
    await writeFile(packedPage(page), await bundleClient(pathToFileURL(page)));
  }
  await mkdir(packedUi(), { recursive: true });
  for (const [name, text] of await bundleLivePage(pathToFileURL(LIVE_PAGE))) {
    await writeFile(join(packedUi(), name), text);
  }
  await bundleWorkflows();
  await writeTypes();
  await writeFile(join(DIST, 'sbom.cdx.json'), await sbomText());
}

function named(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [basename(path, '.ts'), path]));
}

/** @param bundled packages that are built in, with what they need; others are loaded from where they are installed */
async function buildPrograms(
  entryPoints: Readonly<Record<string, string>>,
  bundled: readonly string[],
): Promise<void> {
  await build({
    entryPoints,
    outdir: DIST,
    chunkNames: 'part-[hash]',
    absWorkingDir: PROJECT_FOLDER,
    bundle: true,
    // What programs share is there once, and what a command imports when it runs stays unloaded until then.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    keepNames: true,
    minifySyntax: true,
    logLevel: 'error',
    banner: {
      // For packages that are CommonJS.
      js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
    },
    plugins: [placesOfSources(), oneProtobuf(), description(NOT_CLIENTS), onlyPackages(bundled)],
  });
}

/**
 * Code that looks for files beside itself finds them where its source is in a checkout. All that is built lies in `dist/`.
 * A person is told how an installed package is set up.
 */
function placesOfSources(): Plugin {
  return {
    name: 'places-of-sources',
    setup: (plugins) => {
      plugins.onLoad({ filter: /\.(?:ts|mjs)$/ }, async ({ path }) => {
        if (path.includes('node_modules')) return undefined;
        const place = JSON.stringify(`../${relative(PROJECT_FOLDER, path)}`);
        const contents = (await readFile(path, 'utf8'))
          .replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`)
          .replaceAll(/npm run (?:-s )?setup(?: --(?= -))?/gu, 'npx modalmix setup');
        return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
      });
    },
  };
}

/** Has esbuild build these packages in, and load all others from where they are. */
export function onlyPackages(bundled: readonly string[]): Plugin {
  return {
    name: 'only-packages',
    setup: (plugins) => {
      // Without the flag `u`: esbuild's expressions are Go's.
      plugins.onResolve({ filter: /^[^./]/ }, ({ path, kind, importer, pluginData }) => {
        if (kind === 'entry-point' || pluginData === 'found') return undefined;
        if (importer.includes('node_modules')) return undefined;
        const words = path.split('/').slice(0, path.startsWith('@') ? 2 : 1);
        return bundled.includes(words.join('/')) ? undefined : { path, external: true };
      });
    },
  };
}

async function bundleWorkflows(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-workflows-'));
  try {
    const { DefaultLogger } = await import('@temporalio/worker');
    const code = await readFile(await workflowBundle(folder, new DefaultLogger('ERROR')), 'utf8');
    await writeFile(PACKED_WORKFLOWS, withPortableMap(code, basename(PACKED_WORKFLOWS), PROJECT_FOLDER));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of the API, and of all that it names. */
async function writeTypes(): Promise<void> {
  const options = {
    extends: join(PROJECT_FOLDER, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: PROJECT_FOLDER,
      outDir: join(DIST, 'types'),
    },
    include: [],
    files: [join(PROJECT_FOLDER, ENTRIES.api)],
  };
  const file = join(DIST, 'tsconfig.json');
  await writeFile(file, JSON.stringify(options));
  await execa('tsc', ['-p', file], { cwd: PROJECT_FOLDER, preferLocal: true });
  await rm(file);
}
