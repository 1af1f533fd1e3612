import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coveredMs, temporalShare } from '../../bench/orchestration/history.ts';
import { simulateRebuild } from '../../bench/orchestration/simulated-rebuild.ts';
import { loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

const CLIPS = 5_000;
const CLIPS_PER_SHARD = 80;
/** Far below the server's limits (51,200 events, 50 MiB): what is in flight when an execution ends comes on top. */
const HISTORY_EVENTS = 250;
const SHARDS_IN_FLIGHT = 12;
/** Scheduled, started and completed, and the workflow's task for it. */
const EVENTS_PER_SHARD = 6;

describe('a rebuild of thousands of clips', () => {
  let folder: string;
  let server: TestServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modalmix-scale-'));
    server = await startTestServer();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps each history short, and every clip is in the dataset once', async () => {
    const { executions, output, shards, memory } = await simulateRebuild({
      ...{ clips: CLIPS, clipsPerShard: CLIPS_PER_SHARD, scratch: folder, address: server.address },
      ...{ historyEvents: HISTORY_EVENTS, shardsInFlight: SHARDS_IN_FLIGHT, shardsPerPage: 30 },
    });
    expect(output).toMatchObject({ clips: CLIPS, shardsBuilt: shards, quarantined: 0 });
    expect(shards).toBeGreaterThan(CLIPS / CLIPS_PER_SHARD);
    expect(executions.length).toBeGreaterThan(1);
    for (const { events, bytes } of executions) {
      expect(events).toBeLessThan(HISTORY_EVENTS + 2 * EVENTS_PER_SHARD * SHARDS_IN_FLIGHT);
      // The state that goes from one execution to the next is the rest of a page, not of the plan.
      expect(bytes).toBeLessThan(400 * events);
    }
    const { name, version } = output.dataset;
    const manifest = await loadManifest(openStore(`file:${join(folder, 'store')}`), name, version);
    expect(manifest.shards).toHaveLength(shards);
    expect(manifest.splits.train.rows + manifest.splits.test.rows).toBe(CLIPS);
    expect(manifest.splits.test.rows).toBe(CLIPS / 10);
    expect(memory.control.lateMiB).toBeLessThan(memory.control.earlyMiB + 64);
    expect(memory.media.lateMiB).toBeLessThan(memory.media.earlyMiB + 64);
  });
});

describe("Temporal's share", () => {
  it('is the part of the time that no activity covers', () => {
    expect(coveredMs([])).toBe(0);
    expect(
      coveredMs([
        [40, 60],
        [0, 10],
        [5, 20],
        [45, 50],
      ]),
    ).toBe(40);
    const activities = [
      { type: 'a', interval: [10, 50] },
      { type: 'b', interval: [50, 90] },
    ] as const;
    expect(temporalShare({ span: [0, 100], activities })).toBeCloseTo(0.2);
  });
});
