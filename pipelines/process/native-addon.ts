/** Our own compiled parts: set-up puts them in place, and without them the work goes on, with a warning. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

export interface NativeAddon<T> {
  /** Where set-up puts it. */
  readonly path: string;
  /** Loaded when first asked for; undefined: it is not compiled, or not for this machine. */
  readonly load: () => T | undefined;
  /** Why `load` gives nothing, and what to run. */
  readonly problem: () => string | undefined;
}

export interface AddonFacts {
  /** The command that compiles it. */
  readonly setup: string;
  /** Where set-up compiles it; absent: everywhere. */
  readonly platforms?: readonly NodeJS.Platform[];
  /**
   * What is done without it. Told on the standard error, once a process, where set-up should have put it in place;
   * absent: whoever loads it tells `problem`.
   */
  readonly without?: string;
}

/** @param name of the file, without its ending */
export function nativeAddon<T>(name: string, facts: AddonFacts): NativeAddon<T> {
  const path = fileURLToPath(
    new URL(`../../node_modules/.cache/modalmix/native/${name}.node`, import.meta.url),
  );
  let loading: Loading<T> | undefined;
  const loaded = () => (loading ??= loadFrom<T>(path, name, facts));
  return { path, load: () => loaded().addon, problem: () => loaded().problem };
}

interface Loading<T> {
  readonly addon?: T;
  readonly problem?: string;
}

function loadFrom<T>(path: string, name: string, { without, setup, platforms }: AddonFacts): Loading<T> {
  if (platforms?.includes(process.platform) === false) {
    return { problem: `the addon ${name} is made for ${platforms.join(', ')} only` };
  }
  const failed = (reason: string): Loading<T> => {
    const problem = `the addon ${name} ${reason}; run "${setup}"`;
    // A process whose threads use an addon loads it on its main thread too.
    if (without !== undefined && isMainThread) process.stderr.write(`warning: ${without}: ${problem}\n`);
    return { problem };
  };
  if (!existsSync(path)) return failed('is not compiled');
  try {
    return { addon: createRequire(import.meta.url)(path) as T };
  } catch (error) {
    return failed(`cannot be loaded (${error instanceof Error ? error.message : String(error)})`);
  }
}
