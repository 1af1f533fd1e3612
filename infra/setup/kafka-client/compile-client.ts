/**
 * node-rdkafka's addon with its librdkafka, compiled by the C++ compiler alone, where what its own build needs besides
 * (make, Python, OpenSSL's headers) is missing. The files are those that its own build leaves.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileObject, linkObjects, type Compiler } from '../compiler.ts';
import { someAtATime } from '../some-at-a-time.ts';
import { CONFIG_HEADER, LEFT_OUT } from './librdkafka.ts';

const FIX =
  'Install make, Python 3, a C++ compiler and the headers of OpenSSL and zlib, with which node-rdkafka is built in its own way.';
/** Within `build/`: there when Zig has compiled it, whose C++ library is not the system's. */
export const ZIG_MARK = 'compiled-by-zig';
/** Beside each other, however the folder is called. */
const BESIDE = ['-rpath=$ORIGIN', '-zlazy'];

export interface ClientPlaces {
  /** The package node-rdkafka. */
  readonly client: string;
  /** The package nan. */
  readonly nan: string;
  /** Node's headers: a folder with `node.h`. */
  readonly headers: string;
  /** Becomes what `build` is after its own build: `Release/node-librdkafka.node`, `deps/librdkafka.so.1` and its C++ part. */
  readonly output: string;
}

const PLAIN_OUTPUT = fileURLToPath(new URL('./plain-output.h', import.meta.url));

/** @param build node-rdkafka's folder of that name */
export function isByZig(build: string): boolean {
  return existsSync(join(build, ZIG_MARK));
}

interface Part {
  readonly language: 'c' | 'c++';
  readonly sources: readonly string[];
  readonly args: readonly string[];
  readonly link: readonly string[];
  readonly output: string;
}

/** @throws ModalmixError `dependency` with the end of what the compiler said */
export async function compileClient(compiler: Compiler, places: ClientPlaces): Promise<void> {
  const { client, nan, headers, output } = places;
  const home = join(client, 'deps', 'librdkafka');
  const [core, wrapper] = [join(home, 'src'), join(home, 'src-cpp')];
  const libraries = {
    core: join(output, 'deps', 'librdkafka.so.1'),
    wrapper: join(output, 'deps', 'librdkafka++.so.1'),
  };
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-kafka-client-'));
  try {
    // Its sources include "../config.h".
    const config = join(folder, 'config', 'src');
    await mkdir(config, { recursive: true });
    await writeFile(join(dirname(config), 'config.h'), CONFIG_HEADER);
    const common = ['-O2', '-fPIC', '-w', '-I', config, '-I', core];
    const parts: readonly Part[] = [
      {
        language: 'c',
        sources: (await sourcesIn(core, '.c')).filter((source) => !LEFT_OUT.has(basename(source))),
        args: [...common, '-I', headers],
        link: ['-soname=librdkafka.so.1', ...BESIDE],
        output: libraries.core,
      },
      {
        language: 'c++',
        sources: await sourcesIn(wrapper, '.cpp'),
        args: ['-std=c++20', ...common],
        link: [libraries.core, '-soname=librdkafka++.so.1', ...BESIDE],
        output: libraries.wrapper,
      },
      {
        language: 'c++',
        sources: await sourcesIn(join(client, 'src'), '.cc'),
        args: [
          ...['-std=c++20', '-DNODE_GYP_MODULE_NAME=node-librdkafka', '-DBUILDING_NODE_EXTENSION', ...common],
          ...[client, nan, wrapper, headers].flatMap((place) => ['-I', place]),
          ...(compiler.isZig ? ['-include', PLAIN_OUTPUT] : []),
        ],
        link: [libraries.core, libraries.wrapper, '-rpath=$ORIGIN/../deps', '-zlazy'],
        output: join(output, 'Release', 'node-librdkafka.node'),
      },
    ];
    for (const [place, part] of parts.entries()) await make(compiler, part, join(folder, String(place)));
    if (compiler.isZig) await writeFile(join(output, ZIG_MARK), '');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function make(compiler: Compiler, part: Part, folder: string): Promise<void> {
  const { language, sources, args, link, output } = part;
  await mkdir(folder);
  await mkdir(dirname(output), { recursive: true });
  const jobs = sources.map((source, place) => ({
    source,
    object: join(folder, `${String(place)}-${basename(source)}.o`),
  }));
  await someAtATime(jobs, availableParallelism(), async (job) => {
    await compileObject(compiler, language, { ...job, args }, FIX);
  });
  await linkObjects(compiler, language, { objects: jobs.map(({ object }) => object), link, output }, FIX);
}

async function sourcesIn(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name));
}
