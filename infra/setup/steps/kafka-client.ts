/**
 * node-rdkafka's addon, compiled with the librdkafka that the package brings: a minute and a half, so what
 * it gives is kept in the cache for the next clone. It is bound to one ABI of Node.
 */
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { ModalmixError } from '../../../schemas/errors.ts';
import { cacheFolder, PROJECT_FOLDER } from '../../folders.ts';
import { findProgram } from '../../find-program.ts';
import { findNodeHeaders } from '../node-headers.ts';
import { aptCommand, aptInstall, aptPlan, canAptInstall, runProgram } from '../programs.ts';
import type { Finding, SetupContext, SetupStep } from '../step.ts';

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
    plan: hasBuildTools()
      ? { from: 'npm node-rdkafka, compiled here', diskBytes: BUILD_DISK_BYTES }
      : aptPlan(BUILD_PACKAGES),
  });
  if (!BUILT_FILES.every((file) => existsSync(join(build, file)))) return missing("node-rdkafka's addon");
  const loaded = await loadAddon();
  return loaded === undefined
    ? missing(`node-rdkafka's addon for Node ${process.version}`)
    : { inPlace: true, version, origin: build, detail: `librdkafka ${loaded}` };
}

async function perform(context: SetupContext): Promise<void> {
  const { build } = packagePlaces();
  const cached = cachedBuild();
  if (BUILT_FILES.every((file) => existsSync(join(cached, file)))) {
    context.say(`taking it from ${cached}`);
    await copyBuild(cached, build);
    if ((await loadAddon()) !== undefined) return;
    await rm(cached, { recursive: true, force: true });
  }
  await requireCompiler(context);
  context.say('building node-rdkafka: about 2 minutes, once');
  const nodedir = await findNodeHeaders(context);
  await runProgram('npm', ['rebuild', 'node-rdkafka', '--ignore-scripts=false', '--prefix', PROJECT_FOLDER], {
    timeoutMs: BUILD_TIMEOUT_MS,
    env: { npm_config_nodedir: nodedir },
    fix: `Install a C++ compiler and the headers of OpenSSL and zlib (Debian, Ubuntu: ${aptCommand(BUILD_PACKAGES)}).`,
  });
  await keep(build, cached);
}

async function requireCompiler(context: SetupContext): Promise<void> {
  // Without OpenSSL it would be built, but could speak neither TLS nor SCRAM.
  if (!hasBuildTools() && canAptInstall()) await aptInstall(BUILD_PACKAGES, context);
}

function hasBuildTools(): boolean {
  return (
    findProgram('c++', 'g++', 'clang++') !== undefined &&
    findProgram('make') !== undefined &&
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
  for (const file of BUILT_FILES) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    // Written beside and renamed: a process that has the old one open keeps what it has.
    const temporary = `${join(to, file)}.${String(process.pid)}`;
    await copyFile(join(from, file), temporary);
    await rename(temporary, join(to, file));
  }
}

function cachedBuild(): string {
  const machine = `${process.platform}-${process.arch}-abi${process.versions.modules}`;
  return join(cacheFolder(), `node-rdkafka-${packagePlaces().version}-${machine}`);
}

function packagePlaces(): { version: string; build: string } {
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
  return { version: version.replace(/^v/u, ''), build: join(dirname(file), 'build') };
}
