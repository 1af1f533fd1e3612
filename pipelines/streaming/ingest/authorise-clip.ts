/**
 * From an event to a file that may be read: the scheme is allowed, the real path (after every symbolic
 * link) lies within an allowed root, it is a regular file and not too large. Nothing is opened before.
 */
import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModalmixError } from '../../../schemas/errors.ts';
import type { DeadLetterCode } from '../../../schemas/stream.ts';
import { codeOf } from '../../store/file-errors.ts';

/** The event cannot be used, and sending it again unchanged would end the same way. */
export class EventRejected extends Error {
  override readonly name = 'EventRejected';
  readonly code: DeadLetterCode;

  constructor(code: DeadLetterCode, reason: string) {
    super(reason);
    this.code = code;
  }
}

export interface AllowedFiles {
  /** Real, absolute paths, as `realRoots` gives them. */
  readonly roots: readonly string[];
  readonly maxBytes: number;
}

/** @throws ModalmixError `config` when one of the folders is not there */
export async function realRoots(folders: readonly string[]): Promise<string[]> {
  return await Promise.all(
    folders.map(async (folder) => {
      try {
        return await realpath(folder);
      } catch (error) {
        throw new ModalmixError('config', 'the folder is not there', {
          where: `stream.allowedRoots: ${folder}`,
          fix: 'Name folders that exist and that this user may read.',
          cause: error,
        });
      }
    }),
  );
}

/**
 * @returns the real path
 * @throws EventRejected `scheme-not-allowed`, `path-not-allowed`, `missing-file`, `unreadable`, `empty`, `too-large`
 */
export async function authoriseFile(uri: string, allowed: AllowedFiles): Promise<string> {
  const path = pathOf(uri);
  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    // A stranger must not learn what is there outside the roots: look only inside them.
    if (!isInside(path, allowed.roots)) throw outside(uri);
    if (isTransient(error)) throw error;
    const taken = /[?#]/u.test(uri) ? ' (# and ? are taken for letters of its name)' : '';
    throw new EventRejected('missing-file', `there is no file at ${uri}${taken}`);
  }
  if (!isInside(real, allowed.roots)) throw outside(uri);
  const facts = await stat(real);
  if (!facts.isFile()) throw new EventRejected('unreadable', `${uri} is not a regular file`);
  if (facts.size === 0) throw new EventRejected('empty', `${uri} is empty`);
  if (facts.size > allowed.maxBytes) {
    throw new EventRejected(
      'too-large',
      `${uri} has ${String(facts.size)} bytes, allowed are ${String(allowed.maxBytes)}`,
    );
  }
  return real;
}

function pathOf(uri: string): string {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/u.exec(uri)?.[1]?.toLowerCase();
  if (scheme !== 'file') {
    throw new EventRejected(
      'scheme-not-allowed',
      `the scheme "${scheme ?? 'none'}" is not allowed; use file:`,
    );
  }
  try {
    // A file has no query and no fragment: who wrote them did not escape a name.
    return fileURLToPath(uri.replace(/[?#]/gu, encodeURIComponent));
  } catch {
    throw new EventRejected('path-not-allowed', `${uri} is no absolute file: URI of this machine`);
  }
}

function isInside(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep));
}

function outside(uri: string): EventRejected {
  return new EventRejected('path-not-allowed', `${uri} is outside the allowed folders`);
}

/** Out of file handles, a disk that fails: not the event's fault. */
function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EMFILE' || code === 'ENFILE' || code === 'EIO' || code === 'ESTALE';
}
