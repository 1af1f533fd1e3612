/** Logs of programs that run for months: one earlier file is kept. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

const LIMIT_BYTES = 20 * 1024 * 1024;

/** Calls `use` with the log opened for appending; a large one is put aside first. */
export function withLog<T>(path: string, use: (descriptor: number) => T): T {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path) && statSync(path).size > LIMIT_BYTES) renameSync(path, `${path}.1`);
  const descriptor = openSync(path, 'a');
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Bounds the log of a program that is running and keeps it open for appending: what it holds is copied aside and the
 * file emptied. What the program writes between the two is lost.
 */
export function boundLog(path: string): void {
  if (!existsSync(path) || statSync(path).size <= LIMIT_BYTES) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
