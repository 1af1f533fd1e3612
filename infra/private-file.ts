/** Files of the home that hold a secret: made once, and readable by their owner alone. */
import { randomUUID } from 'node:crypto';
import { linkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ModalmixError } from '../schemas/errors.ts';
import { makeHome, makePrivateFolder } from './folders.ts';

/** Two processes that make one at once have the same afterwards. @param path below the home */
export function makeSecretFile(path: string, content: object): void {
  makeHome();
  makePrivateFolder(dirname(path));
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(content, undefined, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    // Not a rename: who comes second must not put another secret in place of the first.
    linkSync(temporary, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * @param what the file is, as the end of a sentence
 * @throws ModalmixError `config` where others can read or write it or its folder, or own it
 */
export function requirePrivate(path: string, what: string): void {
  if (process.platform === 'win32') return;
  for (const one of [path, dirname(path)]) {
    const { mode, uid } = statSync(one);
    if (uid === process.getuid?.() && (mode & 0o077) === 0) continue;
    throw new ModalmixError('config', `others than its owner can read or write ${what}`, {
      where: one,
      fix: `If nobody has: chmod go= ${one}. Else delete the folder ${dirname(path)}: another one is made.`,
    });
  }
}
