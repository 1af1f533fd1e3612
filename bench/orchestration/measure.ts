/** The measurements of orchestration: very many simulated clips, a real run, and the start of a command. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stopSupervisor } from '../../infra/supervisor/supervise.ts';
import { ensureTemporal, stopTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { runConfigSchema } from '../../schemas/config/config.ts';
import { measureRealRun, untilPolled, type RealRun } from './real-run.ts';
import { simulateRebuild, type SimulatedRebuild } from './simulated-rebuild.ts';
import { measureStatus } from './status-start.ts';

export interface OrchestrationOptions {
  readonly clips: number;
  readonly clipsPerShard: number;
  readonly real: RealSize;
  /** Calls of `modalmix status`. */
  readonly statusCalls: number;
  /** An empty folder; `MODALMIX_HOME` names another empty one. */
  readonly scratch: string;
}

/** Clips of the embedded dataset, at the default feature sizes and in shards as large as by default. */
export interface RealSize {
  readonly trainClips: number;
  readonly testClips: number;
  readonly epochs: number;
}

export interface Orchestration {
  readonly simulated: SimulatedRebuild;
  readonly real: RealRun;
  /** Seconds of each call. */
  readonly statusS: readonly number[];
}

export async function measureOrchestration(options: OrchestrationOptions): Promise<Orchestration> {
  const { scratch, clips, clipsPerShard } = options;
  try {
    const { address } = await ensureTemporal();
    const folder = join(scratch, 'simulated');
    await mkdir(folder, { recursive: true });
    const simulated = await simulateRebuild({ clips, clipsPerShard, scratch: folder, address });
    const real = await measureRealRun(realConfig(join(scratch, 'real'), options.real));
    const statusS = await measureStatus(options.statusCalls, untilPolled);
    return { simulated, real, statusS };
  } finally {
    await stopSupervisor();
    await stopTemporal();
  }
}

function realConfig(folder: string, { trainClips, testClips, epochs }: RealSize) {
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
