/** Versions of installed npm packages, and of Modalmix itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_FOLDER } from './folders.ts';

const manifestSchema = z.object({ version: z.string() });

/** @throws Error when it is not installed */
export function packageVersion(name: string): string {
  // Not by `require`: a package may keep its package.json to itself.
  const file = join(PROJECT_FOLDER, 'node_modules', name, 'package.json');
  return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}

/** Modalmix's own. */
export function modalmixVersion(): string {
  return manifestSchema.parse(JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8'))).version;
}
