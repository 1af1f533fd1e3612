/** Files as the targets meet them: in memory's file system where there is one, and found again by their kind. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rmSync } from 'node:fs';

const MEMORY = '/dev/shm';

/** A new folder, gone when the process ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'modalmix-hostile-'));
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
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
