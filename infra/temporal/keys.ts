/** Keys from the environment and from files: what runs are signed with, and what payloads are encrypted with. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';

export interface Key {
  /** Of its hash: says which it is, and nothing of what it is. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

/** The newest key first: it signs and encrypts; all verify and decrypt. */
export type KeySource = () => readonly Key[];

export const KEY_BYTES = 32;
/** A file is looked at again so often: a rotation needs no restart. */
const LOOK_AGAIN_MS = 1_000;

export function keyOf(bytes: Buffer): Key {
  const id = createHash('sha256').update('modalmix key id\0').update(bytes).digest('hex').slice(0, 8);
  return { id, bytes };
}

/**
 * @param text keys in base64 or hex, apart by blanks, commas or line ends
 * @param where to say where they come from
 * @throws ModalmixError `config` where one is no key; its text is not told
 */
export function parseKeys(text: string, where: string): readonly Key[] {
  const keys = text
    .split(/[\s,]+/u)
    .filter((word) => word !== '')
    .map((word, index) => {
      const bytes = Buffer.from(word, /^[0-9a-f]{64}$/iu.test(word) ? 'hex' : 'base64');
      if (bytes.length === KEY_BYTES) return keyOf(bytes);
      throw notAKey(`key ${String(index + 1)} is not ${String(KEY_BYTES)} bytes in base64 or hex`, where);
    });
  if (keys.length === 0) throw notAKey('there is no key in it', where);
  return keys;
}

function notAKey(message: string, where: string): ModalmixError {
  return new ModalmixError('config', message, { where, fix: 'Make one: openssl rand -base64 32' });
}

type KeyVariables = readonly ['signingKeys', 'signingKeysFile'] | readonly ['codecKeys', 'codecKeysFile'];

/**
 * @returns undefined where the environment names none
 * @throws ModalmixError `config` for keys that are none and files that cannot be read; the source, too, when its file changes
 */
export function keysFromEnvironment([text, file]: KeyVariables): KeySource | undefined {
  const given = process.env[ENVIRONMENT[text]]?.trim();
  if (given !== undefined && given !== '') {
    const keys = parseKeys(given, ENVIRONMENT[text]);
    return () => keys;
  }
  const path = process.env[ENVIRONMENT[file]]?.trim();
  if (path === undefined || path === '') return undefined;
  return keysOfFile(path, ENVIRONMENT[file]);
}

function keysOfFile(path: string, variable: string): KeySource {
  const read = () => {
    try {
      const { mtimeMs, size } = statSync(path);
      return { stamp: `${String(mtimeMs)} ${String(size)}`, text: readFileSync(path, 'utf8') };
    } catch (cause) {
      throw new ModalmixError('config', `the file ${path} cannot be read`, {
        where: variable,
        fix: 'Name a file of keys that this user can read.',
        cause,
      });
    }
  };
  let { stamp, text } = read();
  let keys = parseKeys(text, path);
  let lookedAt = performance.now();
  return () => {
    if (performance.now() - lookedAt < LOOK_AGAIN_MS) return keys;
    lookedAt = performance.now();
    try {
      const now = read();
      if (now.stamp !== stamp) {
        keys = parseKeys(now.text, path);
        ({ stamp, text } = now);
      }
    } catch {
      // Half written, or away for a moment: what was there goes on.
    }
    return keys;
  };
}
