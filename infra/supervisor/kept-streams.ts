/**
 * Which configs' stream workers the supervisor keeps running: a file each in the home folder, written by commands
 * and read by the supervisor, so that the wish outlives both and the next start of the machine.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { modalmixHome } from '../folders.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';

export const keptStreamSchema = z.strictObject({
  /** Absolute. */
  configFile: z.string(),
  /** What `--set` was given, laid over the file's values. */
  set: z.array(z.string()).readonly().optional(),
  /** Ingest workers; there is always one sink. */
  ingest: z.int().positive(),
  /** Predict workers; absent: none. */
  predict: z.int().positive().optional(),
  /** When it was asked for; asking again begins anew after a failure. */
  since: z.iso.datetime(),
  /** Why its workers ended for good, when they did. */
  failure: z.string().optional(),
});
export type KeptStream = z.infer<typeof keptStreamSchema>;

const folder = () => join(modalmixHome(), 'supervisor', 'streams');
const fileOf = (runId: string) => join(folder(), `${runId}.json`);

/** Where the workers of a run's stream write. */
export function streamLogFile(runId: string): string {
  return join(modalmixHome(), 'supervisor', `stream-${runId}.log`);
}

export function keepStream(runId: string, stream: KeptStream): void {
  writeStateFile(fileOf(runId), stream);
}

/** @returns false when it was not kept */
export function dropStream(runId: string): boolean {
  const kept = findKeptStream(runId) !== undefined;
  rmSync(fileOf(runId), { force: true });
  return kept;
}

export function findKeptStream(runId: string): KeptStream | undefined {
  return readStateFile(fileOf(runId), keptStreamSchema);
}

/** By run id. */
export function keptStreams(): Map<string, KeptStream> {
  mkdirSync(folder(), { recursive: true });
  const ids = readdirSync(folder())
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));
  return new Map(
    ids.flatMap((runId) => {
      const stream = findKeptStream(runId);
      return stream === undefined ? [] : [[runId, stream] as const];
    }),
  );
}
