/** Stream workers that the supervisor keeps, with the real broker and real kills. */
import { afterAll, expect, test, vi } from 'vitest';
import { dropStream, findKeptStream, keepStream } from '../../../infra/supervisor/kept-streams.ts';
import { isAlive, type ProcessIdentity } from '../../../infra/processes.ts';
import { ensureSupervisor, runningSupervisor, stopSupervisor } from '../../../infra/supervisor/supervise.ts';
import { embeddedBroker } from '../../../infra/kafka/embedded-broker.ts';
import { createExtractor } from '../../../pipelines/extraction/create-extractor.ts';
import { clipEventsOf, sendClipEvents } from '../../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../../pipelines/streaming/kafka/topics.ts';
import { createStream, eventually, brokerOfFile } from '../../support/stream-fixture.ts';
import { makeTinyClips } from '../../support/tiny-clips.ts';

const PATIENCE_MS = 300_000;
const WAIT = { timeout: 120_000, interval: 100 };

const broker = brokerOfFile(PATIENCE_MS);

// Before the broker is.
afterAll(stopSupervisor, PATIENCE_MS);

test(
  'kept workers come back after their own death, the broker’s and the supervisor’s, lose nothing, and end when dropped',
  { timeout: 3 * PATIENCE_MS },
  async () => {
    const clips = await makeTinyClips({ clipsPerClass: 6 });
    const stream = await createStream(broker.home, 'kept', clips, await createExtractor(console.warn));
    const events = await clipEventsOf(clips, ['high', 'low']);
    const topics = await ensureTopics(await stream.connection(), stream.settings.target.stream);
    const send = async (from: number, to: number) =>
      await sendClipEvents(await stream.connection(), topics, events.slice(from, to));
    const rowsAre = async (count: number) =>
      await eventually(`${String(count)} rows`, PATIENCE_MS, async () =>
        (await stream.manifest())?.counts.rows === count ? true : undefined,
      );

    const supervisor = await ensureSupervisor();
    keepStream('kept', { configFile: stream.configFile, ingest: 1, since: new Date().toISOString() });
    const first = await vi.waitFor(() => aliveWorkers(2), WAIT);
    await send(0, 4);
    await rowsAre(4);

    for (const worker of first) process.kill(worker.pid, 'SIGKILL');
    process.kill(embeddedBroker.running()!.process.pid, 'SIGKILL');
    const second = await vi.waitFor(() => aliveWorkers(2, first), WAIT);
    await send(4, 8);
    await rowsAre(8);

    process.kill(supervisor.process.pid, 'SIGKILL');
    await vi.waitFor(() => {
      expect(runningSupervisor()).toBeUndefined();
    }, WAIT);
    await ensureSupervisor();
    const third = await vi.waitFor(() => aliveWorkers(2, second), WAIT);
    expect(second.filter(isAlive)).toEqual([]);
    await send(8, events.length);
    await rowsAre(events.length);
    expect((await stream.manifest())?.counts).toMatchObject({ superseded: 0, duplicates: 0, deadLetters: 0 });
    expect(findKeptStream('kept')?.failure).toBeUndefined();

    expect(dropStream('kept')).toBe(true);
    await vi.waitFor(() => {
      expect(third.filter(isAlive)).toEqual([]);
      // The supervisor learns of an end a moment after it.
      expect(runningSupervisor()?.streamWorkers).toEqual([]);
    }, WAIT);
  },
);

test(
  'a stream that cannot work is given up with its reason, and the supervisor goes on',
  { timeout: PATIENCE_MS },
  async () => {
    const supervisor = await ensureSupervisor();
    keepStream('broken', { configFile: '/nowhere/run.yaml', ingest: 1, since: new Date().toISOString() });
    const failure = await vi.waitFor(() => {
      const kept = findKeptStream('broken');
      expect(kept?.failure).toBeDefined();
      return kept!.failure;
    }, WAIT);
    expect(failure).toContain('worker ended (exit code 2)');
    expect(runningSupervisor()?.process).toEqual(supervisor.process);
    dropStream('broken');
  },
);

function aliveWorkers(count: number, before: readonly ProcessIdentity[] = []): ProcessIdentity[] {
  const workers = (runningSupervisor()?.streamWorkers ?? []).filter(
    (worker) => isAlive(worker) && !before.some(({ pid }) => pid === worker.pid),
  );
  expect(workers).toHaveLength(count);
  return workers;
}
