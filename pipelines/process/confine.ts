/**
 * What decodes strangers' files is started within limits: in a network namespace of its own, which has no way out, with
 * limits on its files and handles. By util-linux's `unshare` and `prlimit`, without root where the machine lets anyone make
 * user namespaces. Linux only.
 */
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, isExecutable } from './find-program.ts';

/** Of the largest file that it may write; a row is far smaller. */
const MOST_FILE_BYTES = 2 ** 31;
const MOST_OPEN_FILES = 256;
const PROBE_TIMEOUT_MS = 30_000;
const NETWORK = '/proc/self/ns/net';

export interface Confinement {
  /** Put before a program and its arguments; they end in the process that was started, under its pid. Empty: it is started as it is. */
  readonly words: readonly string[];
  /** Why the program could reach the network; absent: it cannot. */
  readonly openNetwork?: string;
  /** Why it may write and open what it likes; absent: it may not. */
  readonly noLimits?: string;
}

let known: Confinement | undefined;

/** Tried once a process. */
export function confinement(): Confinement {
  known ??= find();
  return known;
}

/**
 * Words for a program that is started for one file.
 *
 * @param cpuS processor time after which the kernel ends it, also when whoever started it is gone; absent: no limit
 */
export function confined(cpuS?: number): readonly string[] {
  const { words, noLimits } = confinement();
  const [prlimit, ...rest] = words;
  if (cpuS === undefined || noLimits !== undefined || prlimit === undefined) return words;
  return [prlimit, `--cpu=${String(Math.ceil(cpuS))}`, ...rest];
}

function find(): Confinement {
  if (process.platform !== 'linux') {
    const problem = `there are no namespaces on ${process.platform}`;
    return { words: [], openNetwork: problem, noLimits: problem };
  }
  const prlimit = systemProgram('prlimit');
  const limits =
    prlimit === undefined
      ? []
      : [
          prlimit,
          '--core=0',
          `--fsize=${String(MOST_FILE_BYTES)}`,
          `--nofile=${String(MOST_OPEN_FILES)}`,
          '--',
        ];
  const own = ownNetwork();
  return {
    words: [...limits, ...('words' in own ? own.words : [])],
    ...('words' in own ? {} : { openNetwork: own.problem }),
    ...(prlimit === undefined ? { noLimits: 'there is no prlimit on PATH (util-linux)' } : {}),
  };
}

function ownNetwork(): { readonly words: readonly string[] } | { readonly problem: string } {
  const unshare = systemProgram('unshare');
  if (unshare === undefined) return { problem: 'there is no unshare on PATH (util-linux)' };
  // Within a user namespace root may no longer read what belongs to others.
  const ways =
    process.getuid?.() === 0
      ? [['--net']]
      : [
          ['--user', '--map-current-user', '--net'],
          ['--user', '--map-root-user', '--net'],
        ];
  let problem = '';
  for (const way of ways) {
    const { status, stdout, stderr } = spawnSync(unshare, [...way, '--', 'readlink', NETWORK], {
      encoding: 'utf8',
      timeout: PROBE_TIMEOUT_MS,
    });
    if (status === 0 && stdout.trim() !== '' && stdout.trim() !== readlinkSync(NETWORK)) {
      return { words: [unshare, ...way, '--'] };
    }
    problem = stderr.trim().split('\n')[0] ?? '';
  }
  return { problem: problem === '' ? 'unshare makes no network namespace here' : problem };
}

/** PATH may lack what every machine has. */
function systemProgram(name: string): string | undefined {
  return findProgram(name) ?? ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find(isExecutable);
}
