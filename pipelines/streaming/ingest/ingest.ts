/**
 * The ingest worker: `modalmix.clips` → extraction → `modalmix.features`. Any number of them share the
 * partitions; one that dies loses nothing, since what it had not published is read again by another.
 */
import { usableCores } from '../../process/machine/machine.ts';
import { realRoots } from './authorise-clip.ts';
import type { IngestInput } from './ingest-input.ts';
import { IngestWork } from './ingest-work.ts';
import { runSessions } from '../transactions/run-sessions.ts';

/**
 * Runs until the signal.
 * @throws ModalmixError `config` or `dependency` when trying again would not help
 */
export async function runIngest(input: IngestInput): Promise<void> {
  const roots = await realRoots(input.allowedRoots);
  const concurrency = input.target.stream.ingest.concurrency ?? usableCores();
  await runSessions(input, () => new IngestWork(input, roots, concurrency));
}
