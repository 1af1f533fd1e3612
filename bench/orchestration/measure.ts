/** Both measurements of orchestration: very many simulated clips, and a real run. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stopSupervisor } from '../../infra/supervise.ts';
import { ensureTemporal, stopTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { runConfigSchema } from '../../schemas/config.ts';
import { measureRealRun, type RealRun } from './real-run.ts';
import { simulateRebuild, type SimulatedRebuild } from './simulated-rebuild.ts';

export interface OrchestrationOptions {
  readonly clips: number;
  readonly clipsPerShard: number;
  /** An empty folder; `MODALMIX_HOME` names another empty one. */
  readonly scratch: string;
}

export interface Orchestration {
  readonly simulated: SimulatedRebuild;
  readonly real: RealRun;
}

/** The real run: clips of the embedded dataset at the default feature sizes, in shards as large as by default. */
const REAL = { trainClips: 400, testClips: 100, epochs: 3 };

export async function measureOrchestration(options: OrchestrationOptions): Promise<Orchestration> {
  const { scratch, clips, clipsPerShard } = options;
  try {
    const { address } = await ensureTemporal();
    const folder = join(scratch, 'simulated');
    await mkdir(folder, { recursive: true });
    const simulated = await simulateRebuild({ clips, clipsPerShard, scratch: folder, address });
    const real = await measureRealRun(realConfig(join(scratch, 'real')));
    return { simulated, real };
  } finally {
    await stopSupervisor();
    await stopTemporal();
  }
}

function realConfig(folder: string) {
  const { trainClips, testClips, epochs } = REAL;
  return runConfigSchema.parse({
    name: 'bench',
    store: `file:${join(folder, 'store')}`,
    dataset: { format: 'digits', root: join(folder, 'clips'), trainClips, testClips },
    training: {
      methods: ['b-mm'],
      epochs,
      batchSize: 16,
      encoder: { width: 8 },
      cropPx: 64,
    },
  });
}
