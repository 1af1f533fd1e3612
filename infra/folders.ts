/** The two folders outside the store: native parts (shared by all runs) and the embedded servers' state. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModalmixError } from '../schemas/errors.ts';
import { ENVIRONMENT } from '../schemas/names.ts';

const HOME_NAME = '.modalmix';

/** Absolute path of the checkout. */
export const PROJECT_FOLDER = fileURLToPath(new URL('..', import.meta.url));

/** Absolute path of the folder where set-up keeps what it downloads and builds. */
export function cacheFolder(): string {
  const named = process.env[ENVIRONMENT.cache];
  if (named !== undefined && named !== '') return resolve(named);
  return join(userCacheFolder(), 'modalmix');
}

/** Absolute path of the folder where the embedded servers keep their state and logs. */
export function modalmixHome(): string {
  const named = process.env[ENVIRONMENT.home];
  return resolve(named === undefined || named === '' ? HOME_NAME : named);
}

/**
 * Makes the home folder when it is not there, readable by its owner alone: runs, frames, logs and the server's database lie in it.
 * One that others could read is closed, where its name says that it is nothing else.
 *
 * @throws ModalmixError `config` where the working folder has one that another user has put there
 */
export function makeHome(): void {
  const home = modalmixHome();
  mkdirSync(dirname(home), { recursive: true });
  try {
    mkdirSync(home, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if (basename(home) !== HOME_NAME || process.platform === 'win32') return;
    const { mode, uid } = statSync(home);
    refuseForeign(home, uid);
    if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(home, mode & 0o700);
  }
}

/** Who owns a folder can read and replace all that others put into it. Root looks after others' work, and can do so anyway. */
function refuseForeign(home: string, owner: number): void {
  const own = process.getuid?.();
  if (own === 0 || owner === 0 || owner === own) return;
  throw new ModalmixError(
    'config',
    'the home belongs to another user, who could read and change all that it holds',
    {
      where: home,
      fix: `Work in a folder of your own, or name a home of your own by ${ENVIRONMENT.home}.`,
    },
  );
}

/** A folder of ours in the home, readable by its owner alone, also where the home itself is open; one that was open is closed. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32') return;
  const { mode, uid } = statSync(path);
  if ((mode & 0o077) !== 0 && uid === process.getuid?.()) chmodSync(path, mode & 0o700);
}

function userCacheFolder(): string {
  switch (process.platform) {
    case 'darwin':
      return join(homedir(), 'Library', 'Caches');
    case 'win32':
      return process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
    default: {
      const named = process.env['XDG_CACHE_HOME'];
      return named === undefined || named === '' ? join(homedir(), '.cache') : named;
    }
  }
}
