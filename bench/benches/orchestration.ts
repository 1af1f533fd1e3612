/** Temporal under very many clips, and its share of a real run's wall time. */
import { join } from 'node:path';
import type { Bench, BenchContext } from '../harness/bench.ts';
import type { Figure } from '../harness/figure.ts';
import { withHome } from '../harness/with-home.ts';
import { measureOrchestration } from '../orchestration/measure.ts';

const CLIPS = 100_000;
const QUICK_CLIPS = 2_000;
const REAL = { trainClips: 400, testClips: 100, epochs: 3 };
const QUICK_REAL = { trainClips: 24, testClips: 8, epochs: 1 };
const STATUS_CALLS = 9;
const QUICK_STATUS_CALLS = 2;
/** Half of what the server ends a workflow at: 51,200 events and 50 MiB. */
const MOST_EVENTS = 25_600;
const MOST_MB = 25;
const MOST_GROWTH_MIB = 64;
const MOST_SHARE_PERCENT = 2;
const MOST_STATUS_S = 0.5;

export const bench: Bench = {
  title: 'Orchestration',
  method:
    "A rebuild of 100,000 clips by the product's workflow on the embedded Temporal server, extraction simulated, all else written as always; then a real run of 500 clips of the embedded data at the default feature sizes; then `modalmix status` with server and worker at rest. Temporal's share is the part of the wall time in which no activity was at work, by the histories. Measured once, whatever the number of rounds, but for the status.",
  measure,
};

async function measure({ quick, scratch, say }: BenchContext): Promise<Figure[]> {
  const clips = quick ? QUICK_CLIPS : CLIPS;
  const { simulated, real, statusS } = await withHome(
    join(scratch, 'home'),
    async () =>
      await measureOrchestration({
        ...{ clips, clipsPerShard: 64, scratch },
        real: quick ? QUICK_REAL : REAL,
        statusCalls: quick ? QUICK_STATUS_CALLS : STATUS_CALLS,
      }),
  );
  const { executions, shards, buildS, memory } = simulated;
  say(`${String(shards)} shards in ${buildS.toFixed(1)} s, ${String(executions.length)} executions`);
  say(
    `the real run: rebuild ${real.rebuild.wallS.toFixed(1)} s, training ${real.training.wallS.toFixed(1)} s`,
  );
  const growth = Math.max(
    memory.media.lateMiB - memory.media.earlyMiB,
    memory.control.lateMiB - memory.control.earlyMiB,
  );
  const lower = (name: string, unit: string, value: number, limit: number): Figure => ({
    ...{ name, unit, better: 'lower', ours: [value], goal: { limit } },
  });
  const of = `${clips.toLocaleString('en-US')} clips`;
  return [
    lower(`Longest history, ${of}`, 'events', Math.max(...executions.map((one) => one.events)), MOST_EVENTS),
    lower(`Largest history, ${of}`, 'MB', Math.max(...executions.map((one) => one.bytes)) / 1e6, MOST_MB),
    lower("Growth of a worker's memory, first to last third", 'MiB', growth, MOST_GROWTH_MIB),
    lower("Temporal's share of a rebuild", '%', 100 * real.rebuild.share, MOST_SHARE_PERCENT),
    lower("Temporal's share of a training", '%', 100 * real.training.share, MOST_SHARE_PERCENT),
    {
      name: '`modalmix status`, from its start to its end',
      unit: 's',
      better: 'lower',
      ours: [...statusS],
      goal: { limit: MOST_STATUS_S },
    },
    {
      name: 'Shards that one workflow gets through',
      unit: '1/s',
      better: 'higher',
      ours: [shards / buildS],
    },
  ];
}
