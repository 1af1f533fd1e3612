/** The key of a home: what its runs are signed with. Its owner alone can read it. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ModalmixError } from '../../schemas/errors.ts';
import { NewerVersionError, VERSIONS, requireKnown, versionOf } from '../../schemas/versions.ts';
import { modalmixHome } from '../folders.ts';
import { makeSecretFile, requirePrivate } from '../private-file.ts';
import { KEY_BYTES, parseKeys, type Key } from './keys.ts';

const fileSchema = z.object({
  /** Absent: 1. */
  formatVersion: z.int().optional(),
  /** The newest first. */
  keys: z.array(z.string()).min(1),
  /** When the home's runs began to be signed, where some may have been begun before. */
  since: z.iso.datetime().optional(),
});

export interface HomeKey {
  readonly keys: readonly Key[];
  /** Milliseconds since 1970; absent: everything was signed from the first run on. */
  readonly since?: number;
}

export const homeKeyFile = (): string => join(modalmixHome(), 'keys', 'signing.json');

/**
 * Made when there is none. Two processes that make one at once have the same afterwards.
 *
 * @param hasHistory whether runs may have been begun without a key
 * @throws ModalmixError `config` where others can read or write it, or it is none
 */
export function homeKey(hasHistory: () => boolean): HomeKey {
  if (!existsSync(homeKeyFile())) makeKey(hasHistory());
  return readKey();
}

function readKey(): HomeKey {
  const path = homeKeyFile();
  requirePrivate(path, 'the key that runs are signed with');
  let parsed: z.infer<typeof fileSchema>;
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    requireKnown('state', versionOf(content), path);
    parsed = fileSchema.parse(content);
  } catch (error) {
    if (error instanceof NewerVersionError) throw error;
    // What was thrown may hold some of the file.
    throw new ModalmixError('config', 'the key that runs are signed with cannot be read', {
      where: path,
      fix: 'Delete the file: another key is made. Runs that were under way start again from what is in the store.',
    });
  }
  const { keys, since } = parsed;
  return {
    keys: parseKeys(keys.join(' '), path),
    ...(since === undefined ? {} : { since: Date.parse(since) }),
  };
}

function makeKey(hasHistory: boolean): void {
  const content: z.infer<typeof fileSchema> = {
    formatVersion: VERSIONS.state,
    keys: [randomBytes(KEY_BYTES).toString('base64')],
    ...(hasHistory ? { since: new Date().toISOString() } : {}),
  };
  makeSecretFile(homeKeyFile(), content);
}
