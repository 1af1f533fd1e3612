/** Typefaces of npm's `@fontsource` packages. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ModalmixError } from '../../../../schemas/errors.ts';

/**
 * @param name as `PACKAGED_FONTS` has it: the package's name, then which of its files
 * @returns absolute path
 * @throws ModalmixError `dependency` when the package is not installed
 */
export function findPackagedFont(name: string): string {
  const [family = ''] = name.split('-latin-');
  try {
    const file = createRequire(import.meta.url).resolve(`@fontsource/${family}/package.json`);
    return join(dirname(file), 'files', name);
  } catch (cause) {
    throw new ModalmixError('dependency', `the package @fontsource/${family} is not installed`, {
      where: 'node_modules',
      fix: 'Run "npm run setup".',
      cause,
    });
  }
}
