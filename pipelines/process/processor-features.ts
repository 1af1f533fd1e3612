/** What this machine's processor can do, by the names that Linux has for it. */
import { existsSync, readFileSync } from 'node:fs';

const FILE = '/proc/cpuinfo';

let found: ReadonlySet<string> | undefined;

/** As `avx2` (x86) or `bf16` (arm64); empty where the system does not tell. */
export function processorFeatures(): ReadonlySet<string> {
  found ??= existsSync(FILE) ? parseFeatures(readFileSync(FILE, 'utf8')) : new Set();
  return found;
}

/** @param text of `/proc/cpuinfo`; of several processors the first counts */
export function parseFeatures(text: string): ReadonlySet<string> {
  const line = /^(?:flags|Features)\s*:(.*)$/mu.exec(text)?.[1] ?? '';
  return new Set(line.split(' ').filter((name) => name !== ''));
}
