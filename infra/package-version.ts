/** Versions of installed npm packages, and of Modalmix itself. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_FOLDER } from './folders.ts';

const manifestSchema = z.object({ version: z.string() });

/** @throws Error when it is not installed */
export function packageVersion(name: string): string {
  // Not by `require` alone: a package may keep its package.json to itself.
  const folders = createRequire(join(PROJECT_FOLDER, 'package.json')).resolve.paths(name) ?? [];
  const files = folders.map((folder) => join(folder, name, 'package.json'));
  const file = files.find((path) => existsSync(path));
  if (file === undefined) throw new Error(`the npm package ${name} is not installed`);
  return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}

/** Modalmix's own. */
export function modalmixVersion(): string {
  return manifestSchema.parse(JSON.parse(readFileSync(join(PROJECT_FOLDER, 'package.json'), 'utf8'))).version;
}
