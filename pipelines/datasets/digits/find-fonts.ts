/** Finds font files by name where systems keep them. */
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { ModalmixError } from '../../../schemas/errors.ts';
import { listFiles } from '../list-files.ts';
import { DIGIT_FONT_PACKAGES } from './pools.ts';

function fontFolders(): string[] {
  const dataHome = process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share');
  return [
    join(dataHome, 'fonts'),
    join(homedir(), '.fonts'),
    join(homedir(), 'Library', 'Fonts'),
    '/usr/local/share/fonts',
    '/usr/share/fonts',
    '/Library/Fonts',
    '/opt/homebrew/share/fonts',
  ];
}

/**
 * @param names file names such as `DejaVuSans.ttf`
 * @param folders searched in this order; default: the user's and the system's
 * @returns absolute path by name
 * @throws ModalmixError `dependency` naming every font that is missing
 */
export async function findFonts(
  names: readonly string[],
  folders: readonly string[] = fontFolders(),
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set(names);
  const found = new Map<string, string>();
  for (const folder of folders) {
    if (found.size === wanted.size) break;
    for (const path of await listFiles(folder, { missing: 'empty' })) {
      const name = basename(path);
      if (wanted.has(name) && !found.has(name)) found.set(name, path);
    }
  }
  const missing = [...wanted].filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new ModalmixError('dependency', `fonts for the drawn digits are missing: ${missing.join(', ')}`, {
      where: 'fonts',
      fix: `Install them (Debian, Ubuntu: apt-get install ${DIGIT_FONT_PACKAGES.join(' ')}), or put the files into ${join(homedir(), '.local', 'share', 'fonts')}.`,
    });
  }
  return found;
}
