/**
 * A worker process whose extraction is simulated: features of the right shape at once, and everything else as in the
 * product. Tells its memory over IPC. `tsx simulated-worker.ts <queues>`, with the server in the environment.
 */
import { createHash } from 'node:crypto';
import { TrainingPlaces } from '../../pipelines/engine/training-places.ts';
import type { Extractor } from '../../pipelines/extraction/extractor.ts';
import { readMachine } from '../../pipelines/process/machine/machine.ts';
import { planWork } from '../../pipelines/process/machine/plan-work.ts';
import { ClipTurns } from '../../pipelines/shards/write/clip-turns.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { audioShape } from '../../schemas/shard.ts';
import { cacheFolder } from '../../infra/folders.ts';
import { ensureTemporal } from '../../infra/temporal/ensure-temporal.ts';
import { protectionOf } from '../../infra/temporal/protection.ts';
import { untilSignalled } from '../../infra/workers/until-signalled.ts';
import { runWorkers } from '../../infra/workers/worker.ts';
import { workerProcessOptions } from '../../infra/workers/worker-process.ts';
import { MEMORY_EVERY_MS, type MemoryMessage } from './memory.ts';

const CLIPS_AT_ONCE = 4;

const simulated: Extractor = {
  version: 'simulated/1',
  extract: async (clip, { audio, video }) => {
    const [frequencies, times] = audioShape(audio);
    const level = createHash('sha256').update(clip.clipId).digest().readUInt8(0);
    const side = video.shortSide;
    return await Promise.resolve({
      audio: { data: new Float32Array(frequencies * times).fill(level), shape: [frequencies, times] },
      rgb: {
        data: new Uint8Array(video.frames * side * side * 3).fill(level),
        shape: [video.frames, side, side, 3],
      },
      missing: {},
    });
  },
};

// A bench that was killed leaves nobody to work for.
process.on('disconnect', () => process.exit());
const plan = planWork(readMachine());
const { queues } = workerProcessOptions(process.argv[2], undefined, undefined);
const timer = setInterval(() => {
  process.send?.({ rssBytes: process.memoryUsage.rss() } satisfies MemoryMessage);
}, MEMORY_EVERY_MS);
await untilSignalled(async (stop) => {
  const endpoint = await ensureTemporal();
  const { connection, namespace } = endpoint;
  await runWorkers({
    ...{ connection, namespace, queues, stop, protection: protectionOf(endpoint) },
    slots: plan.slots,
    services: {
      openStore,
      extractor: async () => await Promise.resolve(simulated),
      turns: new ClipTurns(CLIPS_AT_ONCE),
      places: new TrainingPlaces(plan),
      kafka: () => {
        throw new ModalmixError('internal', 'nothing here streams');
      },
    },
    cacheFolder: cacheFolder(),
    logLevel: 'error',
    onReady: () => process.send?.('ready'),
  });
});
clearInterval(timer);
process.disconnect();
