/** The broker's jars: which they are, by the list beside this file, and where they lie. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram } from '../../pipelines/process/find-program.ts';
import { cacheFolder } from '../folders.ts';
import { findWheelProgram } from '../setup/wheels/wheel-programs.ts';

export const KAFKA_VERSION = '4.1.1';

/** Folder of the jars, whether they are there or not. */
export function jarsFolder(): string {
  return join(cacheFolder(), `kafka-${KAFKA_VERSION}`);
}

export interface PinnedJar {
  readonly sha256: string;
  /** Where it lies in a Maven repository. */
  readonly path: string;
}

/** By file name, from `jars.sha256` (the format of sha256sum). */
export function pinnedJars(): Map<string, PinnedJar> {
  const text = readFileSync(new URL('./jars.sha256', import.meta.url), 'utf8');
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [sha256 = '', path = ''] = line.split(/\s+/u);
        return [posix.basename(path), { sha256, path }] as const;
      }),
  );
}

/** Whether every jar is there. Their hashes were checked when they were put there. */
export function hasJars(): boolean {
  const folder = jarsFolder();
  if (!existsSync(folder)) return false;
  const present = new Set(readdirSync(folder));
  return [...pinnedJars().keys()].every((name) => present.has(name));
}

/**
 * The class path for `java -cp`.
 * @throws ModalmixError `dependency` when the jars are not there
 */
export function requireClassPath(): string {
  if (hasJars()) return join(jarsFolder(), '*');
  throw new ModalmixError('dependency', `Apache Kafka ${KAFKA_VERSION} is not in the cache`, {
    where: jarsFolder(),
    fix: 'Run "npm run setup -- --for=stream", or set KAFKA_BROKERS to brokers that run already.',
  });
}

/** @returns of `JAVA_HOME`, of PATH, or the one that set-up has fetched; undefined when there is none of them */
export function findJava(): string | undefined {
  const home = process.env['JAVA_HOME'];
  const named = home === undefined || home === '' ? undefined : join(home, 'bin', 'java');
  return named !== undefined && existsSync(named) ? named : (findProgram('java') ?? findWheelProgram('java'));
}

/** @throws ModalmixError `dependency` */
export function requireJava(): string {
  const java = findJava();
  if (java !== undefined) return java;
  throw new ModalmixError('dependency', 'Java is not installed; the embedded Kafka broker needs it', {
    where: 'PATH',
    fix: 'Run "npm run setup -- --for=stream", or install Java 17 or later (Debian, Ubuntu: apt-get install default-jre-headless; macOS: brew install openjdk), or set KAFKA_BROKERS to brokers that run already.',
  });
}

/** @throws ModalmixError `dependency` naming the first jar that is missing, unknown or different */
export async function verifyJars(folder: string): Promise<void> {
  const pinned = pinnedJars();
  const present = readdirSync(folder).sort();
  const missing = [...pinned.keys()].find((name) => !present.includes(name));
  if (missing !== undefined) throw jarError(join(folder, missing), 'is missing');
  for (const name of present) {
    const expected = pinned.get(name)?.sha256;
    if (expected === undefined) throw jarError(join(folder, name), 'is not one of the pinned jars');
    const found = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
    if (found !== expected)
      throw jarError(join(folder, name), `has SHA-256 ${found}, expected is ${expected}`);
  }
}

function jarError(where: string, what: string): ModalmixError {
  return new ModalmixError('dependency', `the jar ${what}`, {
    where,
    fix: 'The Maven repository gave other files than the released ones. Delete its copies (of Maven: in ~/.m2/repository) and try again.',
  });
}
