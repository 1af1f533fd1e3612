/** Makes the files of packages that built programs load at once (`cached-packages.mjs`). */
import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { PROJECT_FOLDER } from '../folders.ts';
import { clientDescription } from './client-description.ts';

/** Packages that are used together, and hence kept in a file together. */
export interface PackageSet {
  /** For a file's name: letters. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Without Temporal's messages that only a worker sends. */
  readonly clientOnly?: boolean;
}

export interface PackageFile {
  readonly packages: readonly string[];
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
 * @returns a file whose name says its content
 */
export async function buildPackages(
  { name, packages, clientOnly = false }: PackageSet,
  folder: string,
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
    plugins: [inPlace(), oneProtobuf(), ...(clientOnly ? [shortDescription()] : [])],
  });
  const { text } = outputFiles[0]!;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const path = join(folder, `${name}-${hash}.cjs`);
  const temporary = `${path}.${String(process.pid)}`;
  await writeFile(temporary, text);
  await rename(temporary, path);
  return { packages, path };
}

/** Has esbuild take these packages from their files, when the program runs. */
export function fromPackageFiles(files: readonly PackageFile[]): Plugin {
  const fileOf = new Map(
    files.flatMap(({ packages, path }) => packages.map((name) => [name, path] as const)),
  );
  const require = createRequire(join(PROJECT_FOLDER, 'package.json'));
  return {
    name: 'package-files',
    setup: (plugins) => {
      plugins.onResolve({ filter: /^[^./]/ }, ({ path }) =>
        fileOf.has(path) ? { path, namespace: 'package-file' } : undefined,
      );
      plugins.onLoad({ filter: /.*/, namespace: 'package-file' }, ({ path }) => {
        const names = Object.keys(require(path) as object).filter((name) =>
          /^(?!default$)[a-z_$][\w$]*$/iu.test(name),
        );
        const contents = [
          `import { cachedPackages } from ${JSON.stringify(LOADER)};`,
          `const loaded = cachedPackages(${JSON.stringify(fileOf.get(path))})[${JSON.stringify(path)}]();`,
          `export const { ${names.join(', ')} } = loaded;`,
          'export default loaded;',
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
function inPlace(): Plugin {
  return {
    name: 'in-place',
    setup: (plugins) => {
      plugins.onLoad({ filter: BUNDLER }, ({ path }) => ({ contents: lazyBundler(path) }));
      plugins.onResolve({ filter: BUNDLER }, ({ path, importer }) =>
        BUNDLER.test(importer) ? { path, external: true } : undefined,
      );
      plugins.onLoad({ filter: /@temporalio\/.*\.js$/ }, async ({ path }) => {
        if (DESCRIPTION.test(path) || BUNDLER.test(path)) return undefined;
        const text = await readFile(path, 'utf8');
        const folder = dirname(path);
        return {
          contents: text
            .replaceAll(/require\.resolve\('(\.[^']*)'\)/gu, (_, file: string) => inFolder(folder, file))
            .replaceAll('__dirname', JSON.stringify(folder)),
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

/** Temporal's packages each bring a copy of the same version. */
function oneProtobuf(): Plugin {
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

function shortDescription(): Plugin {
  return {
    name: 'short-description',
    setup: (plugins) => {
      plugins.onLoad({ filter: DESCRIPTION }, async ({ path }) => {
        const json = JSON.stringify(clientDescription(await readFile(path, 'utf8')));
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
