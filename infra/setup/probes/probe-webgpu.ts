/** Asks for a WebGPU adapter in a process of its own, which a graphics driver may take down with it. */
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { programOf } from '../../supervisor/supervise.ts';

const foundSchema = z.object({ name: z.string(), isSoftware: z.boolean() });
const absentSchema = z.object({ problem: z.string(), fix: z.string() });
export type WebgpuFinding = z.infer<typeof foundSchema> | z.infer<typeof absentSchema>;

const CHILD = fileURLToPath(new URL('print-webgpu-adapter.ts', import.meta.url));
/** A driver that hangs is none. */
const TIMEOUT_MS = 30_000;

/** The adapter that a training by WebGPU would take, or why there is none and what to do. */
export async function probeWebgpu(): Promise<WebgpuFinding> {
  const { program, args } = programOf(CHILD);
  const { failed, stdout, stderr, shortMessage } = await execa(program, args, {
    reject: false,
    stdin: 'ignore',
    timeout: TIMEOUT_MS,
  });
  if (failed) {
    return { problem: `Dawn cannot look for one: ${shortMessage ?? ''}`, fix: 'Mend the graphics driver.' };
  }
  const finding = z.union([foundSchema, absentSchema]).parse(JSON.parse(stdout));
  // Why an adapter that there is was refused, Dawn says here only.
  const refusals = stderr.split('\n').filter((line) => line.startsWith('Warning: '));
  if ('name' in finding || refusals.length === 0) return finding;
  return { ...finding, problem: [finding.problem, ...refusals].join('\n') };
}
