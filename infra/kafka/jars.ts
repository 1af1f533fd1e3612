/** The broker's jars: fetched once by Maven, each checked against the list beside this file. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram } from '../find-program.ts';
import { cacheFolder } from '../folders.ts';
import { withLock } from '../lock.ts';
import { findWheelProgram } from '../setup/wheels/wheel-programs.ts';

export const KAFKA_VERSION = '4.1.1';
const SCALA_VERSION = '2.13';
const SLF4J_VERSION = '1.7.36';
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const FETCH_TIMEOUT_MS = 600_000;

/** Folder of the jars, whether they are there or not. */
export function jarsFolder(): string {
  return join(cacheFolder(), `kafka-${KAFKA_VERSION}`);
}

/** SHA-256 by file name, from `jars.sha256` (the format of sha256sum). */
export function pinnedJars(): Map<string, string> {
  const text = readFileSync(new URL('./jars.sha256', import.meta.url), 'utf8');
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [hash = '', name = ''] = line.split(/\s+/u);
        return [name, hash] as const;
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

/**
 * Puts the jars into the cache; does nothing when they are there.
 * @throws ModalmixError `dependency` without Maven or with a jar that is not the pinned one, `transient`
 *   when the download fails
 */
export async function fetchJars(): Promise<void> {
  if (hasJars()) return;
  const maven = findProgram('mvn');
  if (maven === undefined) {
    throw new ModalmixError('dependency', 'Maven is not installed; it fetches the embedded Kafka broker', {
      where: 'PATH',
      fix: 'Install Maven (Debian, Ubuntu: apt-get install maven; macOS: brew install maven), or set KAFKA_BROKERS to brokers that run already.',
    });
  }
  mkdirSync(cacheFolder(), { recursive: true });
  await withLock(`${jarsFolder()}.lock`, { waitMs: FETCH_TIMEOUT_MS }, async () => {
    if (hasJars()) return;
    const temporary = await mkdtemp(`${jarsFolder()}.`);
    try {
      await copyDependencies(maven, temporary);
      await verifyJars(join(temporary, 'jars'));
      rmSync(jarsFolder(), { recursive: true, force: true });
      renameSync(join(temporary, 'jars'), jarsFolder());
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
}

async function copyDependencies(maven: string, folder: string): Promise<void> {
  writeFileSync(join(folder, 'pom.xml'), pom());
  const result = await execa(
    maven,
    [
      '--batch-mode',
      '--quiet',
      COPY_GOAL,
      `-DoutputDirectory=${join(folder, 'jars')}`,
      '-DincludeScope=runtime',
    ],
    { cwd: folder, stdin: 'ignore', reject: false, timeout: FETCH_TIMEOUT_MS, all: true },
  );
  if (result.exitCode === 0) return;
  throw new ModalmixError('transient', `Maven could not fetch Apache Kafka:\n${result.all.slice(-2_000)}`, {
    where: maven,
    fix: 'Check that Maven reaches its repository (its settings.xml names a mirror or proxy), and run it again.',
  });
}

/** @throws ModalmixError `dependency` naming the first jar that is missing, unknown or different */
export async function verifyJars(folder: string): Promise<void> {
  const pinned = pinnedJars();
  const present = readdirSync(folder).sort();
  const missing = [...pinned.keys()].find((name) => !present.includes(name));
  if (missing !== undefined) throw jarError(join(folder, missing), 'is missing');
  for (const name of present) {
    const expected = pinned.get(name);
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
    fix: 'The repository that Maven uses gave other files than the released ones. Delete its copy in ~/.m2/repository and try again.',
  });
}

function pom(): string {
  const dependencies = [
    ['org.apache.kafka', `kafka_${SCALA_VERSION}`, KAFKA_VERSION],
    ['org.apache.kafka', 'kafka-tools', KAFKA_VERSION],
    // Kafka brings no logger of its own; without one a broker that fails says nothing.
    ['org.slf4j', 'slf4j-simple', SLF4J_VERSION],
  ].map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>modalmix</groupId><artifactId>embedded-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}
