/**
 * node-rdkafka's addon, compiled with the librdkafka that the package brings: a minute and a half, so what
 * it gives is kept in the cache for the next clone. It is bound to one ABI of Node, and to the C++ library that it was
 * compiled with: our addons for it share its objects.
 */
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import { cacheFolder, PROJECT_FOLDER } from '../../folders.ts';
import { findProgram } from '../../../pipelines/process/find-program.ts';
import { findCompiler, requireCompiler, type Compiler } from '../compiler.ts';
import { compileClient, isByZig, ZIG_MARK } from '../kafka-client/compile-client.ts';
import { findNodeHeaders } from '../node-headers.ts';
import { aptCommand, aptInstall, aptPlan, canAptInstall, runProgram } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';
import { wheelOfProgram } from '../wheels/wheel-programs.ts';

const BUILD_TIMEOUT_MS = 60 * 60_000;
const BUILD_DISK_BYTES = 150e6;
const BUILD_PACKAGES = ['g++', 'make', 'python3', 'libssl-dev', 'zlib1g-dev'] as const;
const LIBRARY_NAMES =
  process.platform === 'darwin'
    ? ['librdkafka.1.dylib', 'librdkafka++.1.dylib']
    : ['librdkafka.so.1', 'librdkafka++.so.1'];
/** Within `build/`; the addon finds the libraries by a relative path. */
const BUILT_FILES = [
  join('Release', 'node-librdkafka.node'),
  ...LIBRARY_NAMES.map((name) => join('deps', name)),
];

export const kafkaClientStep: SetupStep = {
  name: 'Kafka client',
  purpose: 'streaming',
  check,
  perform,
};

async function check(): Promise<Finding> {
  const { version, build } = packagePlaces();
  const missing = (what: string): Finding => ({
    inPlace: false,
    problem: `${what} is missing`,
    fix: 'npm run setup -- --for=stream',
    plan:
      hasBuildTools() || canCompileAlone()
        ? { from: 'npm node-rdkafka, compiled here', diskBytes: BUILD_DISK_BYTES }
        : aptPlan(BUILD_PACKAGES),
  });
  if (!BUILT_FILES.every((file) => existsSync(join(build, file)))) return missing("node-rdkafka's addon");
  const compiler = findCompiler();
  if (compiler !== undefined && compiler.isZig !== isByZig(build)) {
    return missing("node-rdkafka's addon by the compiler that is here");
  }
  const loaded = await loadAddon();
  return loaded === undefined
    ? missing(`node-rdkafka's addon for Node ${process.version}`)
    : { inPlace: true, version, origin: build, detail: `librdkafka ${loaded}` };
}

async function perform(context: SetupContext): Promise<void> {
  const { build } = packagePlaces();
  const inOwnWay = hasBuildTools() || !canCompileAlone();
  const compiler = inOwnWay ? undefined : await requireCompiler(context);
  const cached = cachedBuild(compiler?.isZig === true);
  if (BUILT_FILES.every((file) => existsSync(join(cached, file)))) {
    context.say(`taking it from ${cached}`);
    await copyBuild(cached, build);
    if ((await loadAddon()) !== undefined) return;
    await rm(cached, { recursive: true, force: true });
  }
  context.say('building node-rdkafka: about 2 minutes, once');
  if (compiler === undefined) await buildInOwnWay(context);
  else await compileAlone(compiler, context);
  await keep(build, cached);
}

/** As npm does: node-gyp, which needs Python and make. */
async function buildInOwnWay(context: SetupContext): Promise<void> {
  // Without OpenSSL it would be built, but could speak neither TLS nor SCRAM.
  if (!hasBuildTools() && canAptInstall()) await aptInstall(BUILD_PACKAGES, context);
  const nodedir = await findNodeHeaders(context);
  await rm(join(packagePlaces().build, ZIG_MARK), { force: true });
  await runProgram('npm', ['rebuild', 'node-rdkafka', '--ignore-scripts=false', '--prefix', PROJECT_FOLDER], {
    timeoutMs: BUILD_TIMEOUT_MS,
    env: { npm_config_nodedir: nodedir },
    fix: `Install a C++ compiler and the headers of OpenSSL and zlib (Debian, Ubuntu: ${aptCommand(BUILD_PACKAGES)}).`,
  });
}

async function compileAlone(compiler: Compiler, context: SetupContext): Promise<void> {
  const { client, build } = packagePlaces();
  await mkdir(cacheFolder(), { recursive: true });
  const output = await mkdtemp(join(cacheFolder(), '.node-rdkafka-'));
  try {
    await compileClient(compiler, {
      client,
      nan: dirname(createRequire(join(client, 'package.json')).resolve('nan/package.json')),
      headers: join(await findNodeHeaders(context), 'include', 'node'),
      output,
    });
    await copyBuild(output, build);
  } finally {
    await rm(output, { recursive: true, force: true });
  }
  if ((await loadAddon()) !== undefined) return;
  throw new ModalmixError('dependency', 'node-rdkafka was compiled and cannot be loaded', {
    where: build,
    fix: `Install what its own build needs (Debian, Ubuntu: ${aptCommand(BUILD_PACKAGES)}), and run "npm run setup -- --for=stream" again.`,
  });
}

/** On Linux a compiler is enough: the system's, or the one that set-up fetches. */
function canCompileAlone(): boolean {
  return (
    process.platform === 'linux' && (findCompiler() !== undefined || wheelOfProgram('zig') !== undefined)
  );
}

function hasBuildTools(): boolean {
  return (
    findProgram('c++', 'g++', 'clang++') !== undefined &&
    findProgram('make') !== undefined &&
    findProgram('python3', 'python') !== undefined &&
    (process.platform !== 'linux' || existsSync('/usr/include/openssl/ssl.h'))
  );
}

/** @returns librdkafka's version; asked in a process of its own, which may crash or load it for good */
async function loadAddon(): Promise<string | undefined> {
  const program = "process.stdout.write(require('node-rdkafka').librdkafkaVersion)";
  const { failed, stdout } = await execa(process.execPath, ['-e', program], {
    cwd: PROJECT_FOLDER,
    reject: false,
    stdin: 'ignore',
  });
  return failed ? undefined : stdout;
}

async function keep(build: string, cached: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const temporary = await mkdtemp(join(cacheFolder(), '.node-rdkafka-'));
  try {
    await copyBuild(build, temporary);
    await rm(cached, { recursive: true, force: true });
    await rename(temporary, cached);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function copyBuild(from: string, to: string): Promise<void> {
  await rm(join(to, ZIG_MARK), { force: true });
  for (const file of [...BUILT_FILES, ZIG_MARK]) {
    if (file === ZIG_MARK && !existsSync(join(from, file))) continue;
    await mkdir(dirname(join(to, file)), { recursive: true });
    // Written beside and renamed: a process that has the old one open keeps what it has.
    const temporary = `${join(to, file)}.${String(process.pid)}`;
    await copyFile(join(from, file), temporary);
    await rename(temporary, join(to, file));
  }
}

function cachedBuild(byZig: boolean): string {
  const machine = `${process.platform}-${process.arch}-abi${process.versions.modules}${byZig ? '-zig' : ''}`;
  return join(cacheFolder(), `node-rdkafka-${packagePlaces().version}-${machine}`);
}

function packagePlaces(): { version: string; client: string; build: string } {
  let file: string;
  try {
    file = createRequire(import.meta.url).resolve('node-rdkafka/package.json');
  } catch (cause) {
    throw new ModalmixError('dependency', 'the package node-rdkafka is not installed', {
      where: 'node_modules',
      fix: 'Run "npm run setup".',
      cause,
    });
  }
  const { version } = z.looseObject({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8')));
  const client = dirname(file);
  return { version: version.replace(/^v/u, ''), client, build: join(client, 'build') };
}
