/**
 * C++ addons compiled by Zig's wheel, in seconds. Left to itself, `zig c++` first compiles all of C++'s library, once for
 * each kind of optimisation: a minute of processor time each. The addons need a dozen of its files, and the rest of
 * it is in the process already: Node and libtensorflow are linked with the system's libstdc++, whose exceptions, `new` and
 * `delete` are the same to both libraries. So the files that are needed are compiled, and LLD links.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from '../folders.ts';
import { runProgram } from './programs.ts';

/** What is compiled may run on systems as old as this one's C library (Debian 10, RHEL 8). */
const OLDEST_GLIBC = '2.28';
/** Of libc++'s sources: strings, hashes, threads and their locks. */
const LIBRARY_SOURCES = [
  ...['string', 'hash', 'functional', 'memory', 'new_helpers', 'stdexcept', 'system_error', 'error_category'],
  ...['mutex', 'mutex_destructor', 'condition_variable', 'condition_variable_destructor', 'thread'],
];
/** What those sources and a shared library want besides, and nothing here does: futures are not used. */
const REST = `
#include <cstdlib>
#include <future>
extern "C" { __attribute__((visibility("hidden"))) void *__dso_handle = nullptr; }
_LIBCPP_BEGIN_NAMESPACE_STD
void __assoc_sub_state::__make_ready() { std::abort(); }
_LIBCPP_END_NAMESPACE_STD
namespace std {
bad_alloc::bad_alloc() noexcept {}
bad_alloc::~bad_alloc() noexcept {}
const char *bad_alloc::what() const noexcept { return "out of memory"; }
bad_array_new_length::bad_array_new_length() noexcept {}
bad_array_new_length::~bad_array_new_length() noexcept {}
const char *bad_array_new_length::what() const noexcept { return "an array of an impossible length"; }
}
`;

interface Arguments {
  readonly sources: readonly string[];
  readonly compile: readonly string[];
  readonly link: readonly string[];
  readonly output: string;
}

/**
 * @param zig path of the program
 * @param args as for GCC: sources to a shared library
 * @throws ModalmixError `dependency` with the end of what it said
 */
export async function compileWithZig(zig: string, args: readonly string[], fix: string): Promise<void> {
  const { sources, compile, link, output } = sortArguments(args);
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-zig-'));
  try {
    const objects = sources.map((source, place) => join(folder, `${String(place)}-${basename(source)}.o`));
    await Promise.all(
      sources.map(async (source, place) => {
        await compileObjectWithZig(zig, 'c++', [...compile, '-c', source, '-o', objects[place]!], fix);
      }),
    );
    await linkWithZig(zig, 'c++', { objects, link, output }, fix);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param args as for GCC: one source to an object */
export async function compileObjectWithZig(
  zig: string,
  language: 'c' | 'c++',
  args: readonly string[],
  fix: string,
): Promise<void> {
  await run(zig, [language === 'c' ? 'cc' : 'c++', ...target(), ...args], fix);
}

/** Objects to a shared library. */
export async function linkWithZig(
  zig: string,
  language: 'c' | 'c++',
  { objects, link, output }: { objects: readonly string[]; link: readonly string[]; output: string },
  fix: string,
): Promise<void> {
  if (language === 'c') {
    const options = link.map((word) => (word.startsWith('-') ? `-Wl,${word}` : word));
    await run(zig, ['cc', ...target(), '-shared', '-s', ...objects, ...options, '-o', output], fix);
    return;
  }
  const library = await requireLibrary(zig, fix);
  await run(
    zig,
    [
      ...['ld.lld', '-shared', '--eh-frame-hdr', '--gc-sections', '--strip-debug', '-o', output],
      // Nobody else shall find the library's names here: in others they are libstdc++'s.
      ...[...objects, library, '--exclude-libs', 'ALL', ...link],
    ],
    fix,
  );
}

/** Which of a compiler's arguments are for which of its two steps. */
export function sortArguments(args: readonly string[]): Arguments {
  const [sources, compile, link]: [string[], string[], string[]] = [[], [], []];
  let output = '';
  for (let place = 0; place < args.length; place += 1) {
    const word = args[place]!;
    if (word === '-o') output = args[(place += 1)]!;
    else if (word === '-L') link.push('-L', args[(place += 1)]!);
    else if (word === '-I') compile.push('-I', args[(place += 1)]!);
    else if (/\.(?:cc|cpp)$/u.test(word)) sources.push(word);
    else if (word.startsWith('-Wl,')) link.push(...word.slice('-Wl,'.length).split(','));
    // The C library's own parts are in every process.
    else if (word === '-ldl' || word === '-shared') continue;
    else if (word.startsWith('-l') || /\.so(?:\.\d+)*$/u.test(word)) link.push(word);
    else compile.push(word);
  }
  return { sources, compile, link, output };
}

/** @returns an archive of what is needed of C++'s library, compiled once */
async function requireLibrary(zig: string, fix: string): Promise<string> {
  // The folder of the wheel tells its version, and the wheel's bytes.
  const wheel = basename(dirname(dirname(zig)));
  const archive = join(cacheFolder(), `cxx-${wheel}.a`);
  if (existsSync(archive)) return archive;
  await mkdir(cacheFolder(), { recursive: true });
  const folder = await mkdtemp(join(cacheFolder(), '.cxx-'));
  try {
    const home = join(dirname(zig), 'lib', 'libcxx', 'src');
    const rest = join(folder, 'rest.cpp');
    await writeFile(rest, REST);
    const sources = [...LIBRARY_SOURCES.map((name) => join(home, `${name}.cpp`)), rest];
    const objects = sources.map((source) => join(folder, `${basename(source)}.o`));
    const options = [
      '-std=c++23',
      '-O2',
      '-fPIC',
      '-ffunction-sections',
      '-D_LIBCPP_BUILDING_LIBRARY',
      '-I',
      home,
    ];
    // Two at a time: each takes a second of one core.
    for (let place = 0; place < sources.length; place += 2) {
      await Promise.all(
        sources.slice(place, place + 2).map(async (source, offset) => {
          const object = objects[place + offset]!;
          await run(zig, ['c++', ...target(), ...options, '-c', source, '-o', object], fix);
        }),
      );
    }
    const made = join(folder, 'cxx.a');
    await run(zig, ['ar', 'rcs', made, ...objects], fix);
    await rename(made, archive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return archive;
}

/** Which instructions may be used is told by flags, as other compilers are told. */
function target(): string[] {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return ['-target', `${machine}-linux-gnu.${OLDEST_GLIBC}`, '-mcpu=baseline'];
}

async function run(zig: string, args: readonly string[], fix: string): Promise<void> {
  const cache = join(cacheFolder(), 'zig');
  await runProgram(zig, args, { fix, env: { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache } });
}
