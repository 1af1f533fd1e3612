/** The machine that figures were measured on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

import { z } from 'zod';
import { ffmpegStep } from '../../infra/setup/steps/ffmpeg.ts';
import { tensorflowStep } from '../../infra/setup/steps/tensorflow.ts';
import type { SetupContext, SetupStep } from '../../infra/setup/step.ts';

export const machineSchema = z.strictObject({
  cpu: z.string(),
  /** Threads that can run at once. */
  cores: z.number(),
  memoryGiB: z.number(),
  os: z.string(),
  node: z.string(),
  tensorflow: z.string(),
  ffmpeg: z.string(),
});
export type Machine = z.infer<typeof machineSchema>;

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${distribution()} (${type()} ${release()})`,
    node: process.version,
    tensorflow: await versionOf(tensorflowStep),
    ffmpeg: await versionOf(ffmpegStep),
  };
}

/** The folder of its results, e.g. `amd-epyc-2-cores`. */
export function machineName({ cpu, cores }: Pick<Machine, 'cpu' | 'cores'>): string {
  const words = cpu
    .replace(/\((?:R|TM|C)\)|@.*$|\b(?:CPU|Processor)\b/giu, ' ')
    .toLowerCase()
    .split(/[^a-z0-9]+/u)
    .filter((word) => word !== '');
  return [...words, String(cores), cores === 1 ? 'core' : 'cores'].join('-');
}

async function versionOf(step: SetupStep): Promise<string> {
  const context: SetupContext = { engine: 'auto', say: () => undefined };
  const finding = await step.check(context);
  if (!finding.inPlace) return 'none';
  return finding.detail === undefined ? finding.version : `${finding.version} (${finding.detail})`;
}

function distribution(): string {
  try {
    return (
      /^PRETTY_NAME="?([^"\n]+)/mu.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform
    );
  } catch {
    return process.platform;
  }
}
