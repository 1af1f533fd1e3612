/** `modalmix uninstall`: removes what set-up has put outside of the checkout, and what it made inside. */
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { PROJECT_FOLDER, cacheFolder, modalmixHome } from '../../infra/folders.ts';
import { withLock } from '../../infra/lock.ts';
import { SETUP_LOCK } from '../../infra/setup/run-steps.ts';
import { printable } from '../../schemas/printable.ts';

const LOCK_WAIT_MS = 60_000;

/** Something that is removed. */
export interface Leftover {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

export interface UninstallFlags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/**
 * Says what there is and how large; removes it when told to, by `--yes` or at a terminal.
 * @param folders what is in them is removed
 * @returns whether it was removed
 */
export async function uninstall(flags: UninstallFlags, folders = setupFolders()): Promise<boolean> {
  const leftovers = await findLeftovers(folders);
  const total = leftovers.reduce((sum, { bytes }) => sum + bytes, 0);
  const remove =
    leftovers.length > 0 && (flags.yes === true || (flags.json !== true && (await asked(leftovers, total))));
  if (remove) await removeAll(leftovers);
  if (flags.json === true) say(JSON.stringify({ removed: remove, bytes: total, leftovers }));
  else if (leftovers.length === 0) say('Set-up has left nothing behind.');
  else if (remove)
    say(`${size(total)} removed. "npm run setup" brings it back; node_modules is npm's: rm -r it.`);
  else say('Nothing was removed; "modalmix uninstall --yes" does it.');
  return remove;
}

/** Where set-up puts what it makes. */
function setupFolders(): readonly string[] {
  return [cacheFolder(), join(PROJECT_FOLDER, 'node_modules', '.cache', 'modalmix')];
}

/** The parts of the cache and of the checkout that set-up has made, in the order of their names. */
async function findLeftovers(folders: readonly string[]): Promise<Leftover[]> {
  const leftovers: Leftover[] = [];
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((name) => name !== SETUP_LOCK).toSorted()) {
      const path = join(folder, name);
      leftovers.push({ path, bytes: await sizeOf(path) });
    }
  }
  return leftovers;
}

async function asked(leftovers: readonly Leftover[], total: number): Promise<boolean> {
  for (const { path, bytes } of leftovers) say(`${size(bytes).padStart(9)}  ${path}`);
  say(`${size(total).padStart(9)}  together`);
  say(`Runs, datasets and models stay: ${modalmixHome()}, and the stores that your configs name.`);
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(?:es)?$/iu.test((await terminal.question('Remove these? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

/** Not while a set-up works there. */
async function removeAll(leftovers: readonly Leftover[]): Promise<void> {
  await withLock(join(cacheFolder(), SETUP_LOCK), { waitMs: LOCK_WAIT_MS }, async () => {
    for (const { path } of leftovers) await rm(path, { recursive: true, force: true });
  });
}

/** Links count for themselves, not for what they lead to. */
async function sizeOf(path: string): Promise<number> {
  const facts = await lstat(path);
  if (!facts.isDirectory()) return facts.size;
  let sum = 0;
  for (const name of await readdir(path)) sum += await sizeOf(join(path, name));
  return sum;
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function say(line: string): void {
  process.stdout.write(`${printable(line)}\n`);
}
