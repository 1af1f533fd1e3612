/** Small JSON files by which processes of one machine find one another. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { requireKnown, versionOf } from '../schemas/versions.ts';

/**
 * @returns undefined when there is none, or when what is there cannot be read: it is then made anew
 * @throws NewerVersionError when a newer release wrote it
 */
export function readStateFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  requireKnown('state', versionOf(content), path);
  const parsed = schema.safeParse(content);
  return parsed.success ? parsed.data : undefined;
}

/** A reader sees the old state or the new one, never half of it. */
export function writeStateFile(path: string, state: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(state, undefined, 2)}\n`);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
