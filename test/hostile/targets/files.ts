/** Files as the targets meet them: in memory's file system where there is one, and found again by their kind. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const MEMORY = '/dev/shm';

/** In memory where there is such a file system. */
export function newScratch(): string {
  return mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'modalmix-hostile-'));
}

/** A new folder in the one that the parent made, and deletes: a child may be killed. */
export function scratch(): string {
  return mkdtempSync(join(process.argv[5] ?? tmpdir(), 'scratch-'));
}

export function write(folder: string, path: string, bytes: string | Uint8Array): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

export function read(folder: string, path: string): Buffer {
  return readFileSync(join(folder, path));
}
