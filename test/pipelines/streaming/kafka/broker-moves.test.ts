/** The embedded broker comes back elsewhere while workers run: they find it by themselves. */
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { embeddedBroker } from '../../../../infra/kafka/embedded-broker.ts';
import { LOOPBACK } from '../../../../infra/ports.ts';
import { waitForEnd } from '../../../../infra/processes.ts';
import { createExtractor } from '../../../../pipelines/extraction/create-extractor.ts';
import { listDeadLetters } from '../../../../pipelines/streaming/dead-letters/dead-letter.ts';
import { clipEventsOf, sendClipEvents } from '../../../../pipelines/streaming/send-clips.ts';
import { ensureTopics } from '../../../../pipelines/streaming/kafka/topics.ts';
import { createStream, endWorker, eventually, brokerOfFile } from '../../../support/stream-fixture.ts';
import { makeTinyClips } from '../../../support/tiny-clips.ts';

const PATIENCE_MS = 300_000;

const broker = brokerOfFile(PATIENCE_MS);

test(
  'a broker that was killed and whose port is taken comes back on another one, and running workers follow it',
  { timeout: 2 * PATIENCE_MS },
  async () => {
    const clips = await makeTinyClips({ clipsPerClass: 6 });
    const stream = await createStream(broker.home, 'moved', clips, await createExtractor(console.warn));
    const events = await clipEventsOf(clips, ['high', 'low']);
    const before = await stream.connection();
    const topics = await ensureTopics(before, stream.settings.target.stream);
    const workers = [stream.start('ingest'), stream.start('sink')];
    const rowsAre = async (count: number) =>
      await eventually(`${String(count)} rows`, PATIENCE_MS, async () =>
        (await stream.manifest())?.counts.rows === count ? true : undefined,
      );
    const stranger = createServer((socket) => socket.destroy());
    const listens = async (port: number) =>
      await new Promise<true | undefined>((resolve) => {
        stranger.once('error', () => {
          resolve(undefined);
        });
        stranger.listen(port, LOOPBACK, () => {
          resolve(true);
        });
      });
    try {
      await sendClipEvents(before, topics, events.slice(0, 4));
      await rowsAre(4);

      const killed = embeddedBroker.running()!;
      // Held still, so that they do not start it again before its port is taken.
      for (const worker of workers) worker.kill('SIGSTOP');
      process.kill(killed.process.pid, 'SIGKILL');
      expect(await waitForEnd(killed.process, PATIENCE_MS)).toBe(true);
      await eventually(
        'the port to be free for another',
        PATIENCE_MS,
        async () => await listens(killed.ports[0]!),
      );
      for (const worker of workers) worker.kill('SIGCONT');

      // Nobody but the workers starts it again.
      const moved = await eventually('the broker to be back', PATIENCE_MS, async () =>
        embeddedBroker.running(),
      );
      const after = await stream.connection();
      expect(moved.ports).not.toContain(killed.ports[0]);
      expect(after.brokers).not.toEqual(before.brokers);
      await sendClipEvents(after, topics, events.slice(4));
      await rowsAre(events.length);

      const rows = await stream.liveRows();
      expect(rows.map(({ clipId }) => clipId).sort()).toEqual(events.map(({ clipId }) => clipId).sort());
      expect((await stream.manifest())?.counts).toMatchObject({
        superseded: 0,
        duplicates: 0,
        deadLetters: 0,
      });
      expect(await listDeadLetters(after, topics)).toEqual([]);
    } finally {
      stranger.close();
      for (const worker of workers) await endWorker(worker, 'SIGTERM');
    }
    expect(workers.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  },
);
