/** The two folders outside the store: native parts (shared by all runs) and the embedded servers' state. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENVIRONMENT } from '../schemas/names.ts';

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
  return resolve(named === undefined || named === '' ? '.modalmix' : named);
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
