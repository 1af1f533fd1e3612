/** Checkpoints on their way into a bucket of a real server, behind a proxy that holds them up. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CheckpointSender } from '../../../../pipelines/training/checkpoints/checkpoint-sender.ts';
import { runTraining } from '../../../../pipelines/training/run-training.ts';
import type { Store } from '../../../../pipelines/store/store.ts';
import { openStore } from '../../../../pipelines/store/open-store.ts';
import { storePaths } from '../../../../schemas/names.ts';
import { startFaultyBucket, type FaultyBucket } from '../../../support/faulty-bucket.ts';
import type { FaultyProxy } from '../../../support/faulty-proxy.ts';
import { publishTinyDataset, tinySpec, type TinyDataset } from '../tiny-dataset.ts';
import { copyOfDataset } from '../tiny-training.ts';

const TRAINING = 'lab-joint-seed0';
const WAIT = { timeout: 60_000, interval: 20 };

let bucket: FaultyBucket;
let proxy: FaultyProxy;
let dataset: TinyDataset;

beforeAll(async () => {
  dataset = await publishTinyDataset();
  bucket = await startFaultyBucket('lab');
  ({ proxy } = bucket);
});
afterAll(async () => {
  await bucket.stop();
});

const bytesOf = (step: number) => Buffer.alloc(1_000_000, step);
const save = async (sender: CheckpointSender, step: number, ...first: string[]) => {
  await sender.save([...first, storePaths.checkpoint(TRAINING, step)], (file) => {
    writeFileSync(file, bytesOf(step));
  });
};
const found = async (store: Store) => await store.list(storePaths.checkpoints(TRAINING));

test('one is sent beside the work, appears when it is complete, and the next waits for it', async () => {
  const store = openStore('s3://lab/sender');
  const best = storePaths.bestCheckpoint(TRAINING);
  const sender = new CheckpointSender(store, TRAINING, 2);
  proxy.hold(storePaths.checkpoint(TRAINING, 1));
  await save(sender, 1, best);
  await vi.waitUntil(() => proxy.held() > 0, WAIT);
  expect(await found(store)).toEqual([best]);
  let isNextWritten = false;
  const next = save(sender, 2).then(() => {
    isNextWritten = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(isNextWritten).toBe(false);
  proxy.hold(undefined);
  proxy.let();
  await next;
  await save(sender, 3);
  await sender.settled();
  await sender.close();
  expect(await found(store)).toEqual([best, ...[2, 3].map((step) => storePaths.checkpoint(TRAINING, step))]);
  expect((await store.get(best)).equals(bytesOf(1))).toBe(true);
  expect((await store.get(storePaths.checkpoint(TRAINING, 3))).equals(bytesOf(3))).toBe(true);
});

test('what keeps one from the bucket is told, at once and to whoever waits', async () => {
  const sender = new CheckpointSender(openStore('s3://no-such-bucket/sender'), TRAINING, 2);
  await save(sender, 1);
  await expect(sender.settled()).rejects.toThrow(/no-such-bucket/u);
  expect(() => {
    sender.assertSent();
  }).toThrow(/no-such-bucket/u);
  await sender.close();
});

test('a training goes on beside one that is held up; killed then, it resumes from the one before, to the same weights', async () => {
  const spec = tinySpec(dataset, 'joint', { checkpoint: { everySteps: 2, keepLast: 5 } });
  const local = await copyOfDataset(dataset);
  const undisturbed = await runTraining({ storeUri: local.uri, spec });

  const store = openStore('s3://lab/training');
  for (const path of await local.list('datasets')) await store.put(path, await local.get(path));
  const fourth = storePaths.checkpoint(spec.trainingId, 4);
  proxy.hold(fourth);
  let done = 0;
  const killed = runTraining({
    storeUri: store.uri,
    spec,
    onProgress: (progress) => {
      ({ done } = progress);
    },
  });
  killed.catch(() => undefined);
  await vi.waitUntil(() => proxy.held() > 0 && done >= 5, WAIT);
  for (const pid of trainers()) process.kill(pid, 'SIGKILL');
  await expect(killed).rejects.toMatchObject({ kind: 'transient' });
  expect(await store.list(storePaths.checkpoints(spec.trainingId))).not.toContain(fourth);
  expect(await store.exists(storePaths.checkpoint(spec.trainingId, 2))).toBe(true);

  proxy.hold(undefined);
  const first: number[] = [];
  const resumed = await runTraining({
    storeUri: store.uri,
    spec,
    onProgress: (progress) => {
      first.push(progress.done);
    },
  });
  expect(first[0]).toBe(3);
  expect(resumed.model.sha256).toBe(undisturbed.model.sha256);
  const last = storePaths.checkpoint(spec.trainingId, resumed.steps);
  expect(await store.exists(last)).toBe(true);
  expect(await store.exists(storePaths.bestCheckpoint(spec.trainingId))).toBe(true);
});

/** This process's children that train. */
function trainers(): number[] {
  const pid = String(process.pid);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  return children.filter((child) =>
    readFileSync(`/proc/${String(child)}/cmdline`, 'utf8').includes('trainer-child'),
  );
}
