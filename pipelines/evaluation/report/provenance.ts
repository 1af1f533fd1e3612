/** What can be found out about the code and the machine that make a report. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Provenance } from '../../../schemas/summary.ts';
import type { TrainingResult } from '../../../schemas/training.ts';
import { IS_PACKED } from '../../process/packed.mjs';

const PACKAGE_FILE = new URL('../../../package.json', import.meta.url);

/**
 * @param engine TensorFlow's version and device, in words
 * @param command that makes the report again
 */
export async function gatherProvenance(engine: string, command: string): Promise<Provenance> {
  return { codeVersion: await codeVersion(), engine, machine: machine(), command };
}

/** TensorFlow's version and device in words, as training noted them. */
export function describeEngine(environment: TrainingResult['environment']): string {
  const { tensorflow, engine, device, threads } = environment;
  const name = device === undefined ? '' : ` (${device})`;
  return `TensorFlow ${tensorflow} on the ${engine}${name}, ${String(threads)} threads`;
}

async function codeVersion(): Promise<string> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(PACKAGE_FILE, 'utf8')));
  // Around a package lies somebody else's checkout.
  const commit = IS_PACKED ? undefined : await git('rev-parse', '--short=12', 'HEAD');
  if (commit === undefined) return version;
  const changed = (await git('status', '--porcelain', '--untracked-files=no')) !== '';
  return `${version} (commit ${commit}${changed ? ', with uncommitted changes' : ''})`;
}

/** Undefined where the code is no checkout. */
async function git(...words: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', words, {
      cwd: fileURLToPath(new URL('.', PACKAGE_FILE)),
    });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? process.arch;
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${String(availableParallelism())} cores, ${String(memoryGiB)} GiB, ${type()} ${release()}, Node ${process.versions.node}`;
}
