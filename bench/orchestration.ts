/**
 * Temporal under very many clips, and its share of a real run: `tsx bench/orchestration.ts [clips] [clipsPerShard]`.
 * Prints one JSON object.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENVIRONMENT } from '../schemas/names.ts';
import { measureOrchestration } from './orchestration/measure.ts';

const scratch = await mkdtemp(join(tmpdir(), 'modalmix-bench-'));
process.env[ENVIRONMENT.home] = join(scratch, 'home');
try {
  const clips = Number(process.argv[2] ?? 100_000);
  const clipsPerShard = Number(process.argv[3] ?? 64);
  const result = await measureOrchestration({ clips, clipsPerShard, scratch });
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
