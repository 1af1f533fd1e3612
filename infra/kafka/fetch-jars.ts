/**
 * Puts the broker's jars into the cache: by Maven, which knows its mirrors and proxies, or, where there is none, from the
 * repository that `MODALMIX_MAVEN_REPOSITORY` names. Each is checked against the list of those that are pinned.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ModalmixError } from '../../schemas/errors.ts';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { findProgram } from '../../pipelines/process/find-program.ts';
import { cacheFolder } from '../folders.ts';
import { withLock } from '../lock.ts';
import { someAtATime } from '../setup/some-at-a-time.ts';
import { download, withoutCredentials } from '../setup/wheels/web.ts';
import { hasJars, jarsFolder, KAFKA_VERSION, pinnedJars, verifyJars } from './jars.ts';

const SCALA_VERSION = '2.13';
const SLF4J_VERSION = '1.7.36';
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const FETCH_TIMEOUT_MS = 600_000;
const AT_A_TIME = 8;

/** @returns who fetches the jars; undefined when nobody can */
export function jarSource(): 'Maven' | 'repository' | undefined {
  if (findProgram('mvn') !== undefined) return 'Maven';
  return namedRepository() === undefined ? undefined : 'repository';
}

/**
 * Puts the jars into the cache; does nothing when they are there.
 * @throws ModalmixError `dependency` without Maven and without a repository, or with a jar that is not the pinned one,
 *   `transient` when the download fails
 */
export async function fetchJars(): Promise<void> {
  if (hasJars()) return;
  const maven = findProgram('mvn');
  const repository = namedRepository();
  if (maven === undefined && repository === undefined) {
    throw new ModalmixError('dependency', 'Maven is not installed; it fetches the embedded Kafka broker', {
      where: 'PATH',
      fix: `Install Maven (Debian, Ubuntu: apt-get install maven; macOS: brew install maven), or set ${ENVIRONMENT.mavenRepository} to the address of a Maven repository, or KAFKA_BROKERS to brokers that run already.`,
    });
  }
  mkdirSync(cacheFolder(), { recursive: true });
  await withLock(`${jarsFolder()}.lock`, { waitMs: FETCH_TIMEOUT_MS }, async () => {
    if (hasJars()) return;
    const temporary = await mkdtemp(`${jarsFolder()}.`);
    try {
      if (maven !== undefined) await copyDependencies(maven, temporary);
      else await downloadJars(repository!, join(temporary, 'jars'));
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

/** @throws ModalmixError `config` when the variable holds no address */
function namedRepository(): URL | undefined {
  const text = process.env[ENVIRONMENT.mavenRepository];
  if (text === undefined || text === '') return undefined;
  const address = text.endsWith('/') ? text : `${text}/`;
  if (URL.canParse(address) && /^https?:$/u.test(new URL(address).protocol)) return new URL(address);
  throw new ModalmixError('config', `${text} is not the address of a Maven repository`, {
    where: ENVIRONMENT.mavenRepository,
    fix: 'Give it the https address under which the groups lie (…/maven2/).',
  });
}

async function downloadJars(repository: URL, folder: string): Promise<void> {
  await mkdir(folder);
  await someAtATime(pinnedJars(), AT_A_TIME, async ([name, { path }]) => {
    const url = new URL(path, repository);
    try {
      await download(url, join(folder, name), {});
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ModalmixError('transient', `the Kafka broker's ${name} could not be fetched: ${why}`, {
        where: withoutCredentials(url),
        fix: `Check ${ENVIRONMENT.mavenRepository} and the network, and run it again.`,
        cause,
      });
    }
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
