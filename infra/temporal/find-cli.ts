/** The program `temporal`, which has the embedded server in it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram, isExecutable } from '../../pipelines/process/find-program.ts';
import { cacheFolder } from '../folders.ts';
import { findWheelProgram } from '../setup/wheels/wheel-programs.ts';

/** The one that set-up fetches. */
export const TEMPORAL_CLI_VERSION = '1.9.1';
/** The newest that `go install` accepts: later ones replace modules in their go.mod. */
export const TEMPORAL_CLI_BUILT_VERSION = '1.5.1';
/** What an older one on PATH can do was not tried. */
const OLDEST_VERSION = [1, 5] as const;

export interface TemporalCli {
  readonly path: string;
  readonly origin: 'PATH' | 'wheel' | 'cache';
}

/** Folder into which set-up puts a program that came from elsewhere than a wheel. */
export function temporalCliFolder(version: string): string {
  return join(cacheFolder(), `temporal-cli-${version}`);
}

/** The one on PATH when it is new enough, else what set-up has fetched or built. */
export function findTemporalCli(): TemporalCli | undefined {
  const onPath = findProgram('temporal');
  if (onPath !== undefined && isNewEnough(onPath)) return { path: onPath, origin: 'PATH' };
  const unpacked = findWheelProgram('temporal');
  if (unpacked !== undefined) return { path: unpacked, origin: 'wheel' };
  const name = process.platform === 'win32' ? 'temporal.exe' : 'temporal';
  const cached = [TEMPORAL_CLI_VERSION, TEMPORAL_CLI_BUILT_VERSION]
    .map((version) => join(temporalCliFolder(version), name))
    .find((path) => isExecutable(path));
  return cached === undefined ? undefined : { path: cached, origin: 'cache' };
}

/** @throws ModalmixError `dependency` */
export function requireTemporalCli(): TemporalCli {
  const cli = findTemporalCli();
  if (cli !== undefined) return cli;
  throw new ModalmixError('dependency', 'the Temporal CLI is not installed', {
    where: 'PATH',
    fix: 'Run "npm run setup", or set TEMPORAL_ADDRESS to a server that runs already.',
  });
}

const newEnough = new Map<string, boolean>();

/** A program that does not say a version is somebody's own build, and is taken. */
function isNewEnough(path: string): boolean {
  const known = newEnough.get(path);
  if (known !== undefined) return known;
  const { stdout } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, major, minor] = /version (\d+)\.(\d+)/u.exec(stdout) ?? [];
  const version = [Number(major), Number(minor)] as const;
  const isOlder =
    version[0] < OLDEST_VERSION[0] || (version[0] === OLDEST_VERSION[0] && version[1] < OLDEST_VERSION[1]);
  const isRelease = version[0] > 0 || version[1] > 0;
  newEnough.set(path, !(isRelease && isOlder));
  return !(isRelease && isOlder);
}
