/** Makes the files of packages that built programs load at once (`cached-packages.mjs`). */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { replaceFile } from '../../pipelines/process/replace-file.mjs';
import { PROJECT_FOLDER } from '../folders.ts';
import { shortDescription } from './short-description.ts';

/** Packages that are used together, and hence kept in a file together. */
export interface PackageSet {
  /** For a file's name: letters. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Those of the packages that are ECMAScript modules only. */
  readonly modules?: readonly string[];
  /** Of Temporal's messages (`short-description.ts`). */
  readonly omitted?: readonly string[];
}

export interface PackageFile {
  readonly packages: readonly string[];
  readonly modules: readonly string[];
  /** Absolute. */
  readonly path: string;
}

const LOADER = join(PROJECT_FOLDER, 'infra', 'command', 'cached-packages.mjs');
/** Native, or so seldom needed that they are loaded from where they are. */
const EXTERNAL = ['@temporalio/core-bridge'];
const BUNDLER = /@temporalio\/worker\/lib\/workflow\/bundler\.js$/;
const DESCRIPTION = /@temporalio\/proto\/protos\/json-module\.js$/;

/**
 * @param folder absolute, below `node_modules`
 * @param thread where the packages start a thread from, instead of their own file
 * @returns a file whose name says its content
 */
export async function buildPackages(
  { name, packages, modules = [], omitted = [] }: PackageSet,
  folder: string,
  thread?: ThreadFile,
): Promise<PackageFile> {
  const entry = packages.map(
    (one) => `exports[${JSON.stringify(one)}] = () => require(${JSON.stringify(one)});`,
  );
  const { outputFiles } = await build({
    stdin: { contents: entry.join('\n'), resolveDir: PROJECT_FOLDER },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    banner: { js: '(function (exports, require, module) {' },
    footer: { js: '})' },
    external: EXTERNAL,
    logLevel: 'silent',
    plugins: [inPlace(thread), oneProtobuf(), description(omitted)],
  });
  const { text } = outputFiles[0]!;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const path = join(folder, `${name}-${hash}.cjs`);
  await replaceFile(path, text);
  return { packages, modules, path };
}

export interface ThreadFile {
  /** Absolute, without its ending. */
  readonly replaces: string;
  readonly path: string;
}

/** The thread in which a worker runs workflows: with its packages in a file, too. */
export async function buildWorkflowThread(folder: string, omitted: readonly string[]): Promise<ThreadFile> {
  const module = '@temporalio/worker/lib/workflow/workflow-worker-thread';
  const { path: packages } = await buildPackages({ name: 'thread', packages: [module], omitted }, folder);
  const path = packages.replace(/\.cjs$/u, '.mjs');
  await replaceFile(
    path,
    [
      `import { cachedPackages } from ${JSON.stringify(pathToFileURL(LOADER).href)};`,
      `cachedPackages(${JSON.stringify(packages)})[${JSON.stringify(module)}]();\n`,
    ].join('\n'),
  );
  return { replaces: join(PROJECT_FOLDER, 'node_modules', module), path };
}

/** Has esbuild take these packages from their files, when the program runs. */
export function fromPackageFiles(files: readonly PackageFile[]): Plugin {
  const fileOf = new Map(
    files.flatMap(({ packages, path }) => packages.map((name) => [name, path] as const)),
  );
  const modules = new Set(files.flatMap((file) => file.modules));
  const require = createRequire(join(PROJECT_FOLDER, 'package.json'));
  return {
    name: 'package-files',
    setup: (plugins) => {
      plugins.onResolve({ filter: /^[^./]/ }, ({ path }) =>
        fileOf.has(path) ? { path, namespace: 'package-file' } : undefined,
      );
      plugins.onLoad({ filter: /.*/, namespace: 'package-file' }, async ({ path }) => {
        const isModule = modules.has(path);
        const exported = (isModule ? await import(path) : require(path)) as object;
        const names = Object.keys(exported).filter((name) => /^(?!default$)[a-z_$][\w$]*$/iu.test(name));
        const contents = [
          `import { cachedPackages } from ${JSON.stringify(LOADER)};`,
          `const loaded = cachedPackages(${JSON.stringify(fileOf.get(path))})[${JSON.stringify(path)}]();`,
          `export const { ${names.join(', ')} } = loaded;`,
          `export default loaded${isModule ? '.default' : ''};`,
        ];
        return { contents: contents.join('\n'), resolveDir: PROJECT_FOLDER };
      });
    },
  };
}

/**
 * Code that looks for files beside itself (the thread of the workflows) finds them where they are. The bundler of the
 * workflows, which is most of what a worker would load, is loaded when a bundle has to be made.
 */
function inPlace(thread: ThreadFile | undefined): Plugin {
  return {
    name: 'in-place',
    setup: (plugins) => {
      plugins.onLoad({ filter: BUNDLER }, ({ path }) => ({ contents: lazyBundler(path) }));
      plugins.onResolve({ filter: BUNDLER }, ({ path, importer }) =>
        BUNDLER.test(importer) ? { path, external: true } : undefined,
      );
      plugins.onLoad({ filter: /node_modules\/.*\.c?js$/ }, async ({ path }) => {
        if (DESCRIPTION.test(path) || BUNDLER.test(path)) return undefined;
        const text = await readFile(path, 'utf8');
        const folder = dirname(path);
        return {
          contents: text
            .replaceAll(/require\.resolve\('(\.[^']*)'\)/gu, (_, file: string) =>
              join(folder, file) === thread?.replaces ? JSON.stringify(thread.path) : inFolder(folder, file),
            )
            .replaceAll('__dirname', JSON.stringify(folder))
            .replaceAll('__filename', JSON.stringify(path)),
        };
      });
    },
  };
}

function inFolder(folder: string, file: string): string {
  return `require.resolve(${JSON.stringify(join(folder, file))})`;
}

function lazyBundler(path: string): string {
  const real = `require(${JSON.stringify(path)})`;
  return `
    exports.defaultWorkflowInterceptorModules = [${inFolder(dirname(path), '../workflow-log-interceptor')}];
    exports.bundleWorkflowCode = (...given) => ${real}.bundleWorkflowCode(...given);
    exports.WorkflowCodeBundler = function (...given) { return new (${real}.WorkflowCodeBundler)(...given); };
  `;
}

/** Temporal's packages each bring a copy of the same version: all are given one. */
export function oneProtobuf(): Plugin {
  const resolveDir = join(PROJECT_FOLDER, 'node_modules', '@temporalio', 'proto');
  return {
    name: 'one-protobuf',
    setup: (plugins) => {
      plugins.onResolve({ filter: /^protobufjs/ }, async ({ path, kind, importer, pluginData }) =>
        pluginData === 'found' || !importer.includes('@temporalio')
          ? undefined
          : await plugins.resolve(path, { kind, resolveDir, pluginData: 'found' }),
      );
    },
  };
}

/** Has esbuild take Temporal's messages without the `omitted` ones. */
export function description(omitted: readonly string[]): Plugin {
  return {
    name: 'description',
    setup: (plugins) => {
      plugins.onLoad({ filter: DESCRIPTION }, async ({ path }) => {
        const json = JSON.stringify(shortDescription(await readFile(path, 'utf8'), omitted));
        // V8 reads JSON faster than it does an object's source.
        return {
          contents: `
            const protobuf = require('protobufjs/light');
            module.exports = protobuf.roots['__temporal'] ??= new protobuf.Root().addJSON(JSON.parse(${JSON.stringify(json)}));
          `,
        };
      });
    },
  };
}
