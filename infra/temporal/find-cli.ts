/** The program `temporal`, which has the embedded server in it. */
import { join } from 'node:path';
import { ModalmixError } from '../../schemas/errors.ts';
import { findProgram, isExecutable } from '../find-program.ts';
import { cacheFolder } from '../folders.ts';

/** The newest that `go install` accepts: later ones replace modules in their go.mod. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

export interface TemporalCli {
  readonly path: string;
  readonly origin: 'PATH' | 'cache';
}

/** Folder into which set-up puts the program. */
export function temporalCliFolder(): string {
  return join(cacheFolder(), `temporal-cli-${TEMPORAL_CLI_VERSION}`);
}

export function findTemporalCli(): TemporalCli | undefined {
  const onPath = findProgram('temporal');
  if (onPath !== undefined) return { path: onPath, origin: 'PATH' };
  const cached = join(temporalCliFolder(), process.platform === 'win32' ? 'temporal.exe' : 'temporal');
  return isExecutable(cached) ? { path: cached, origin: 'cache' } : undefined;
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
