import { randomBytes } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../../pipelines/store/store.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';
import { asStoreError } from '../../../pipelines/store/s3-errors.ts';
import { describeError } from '../../../schemas/errors.ts';
import { startFaultyBucket, type FaultyBucket } from '../../support/faulty-bucket.ts';
import type { FaultyProxy } from '../../support/faulty-proxy.ts';
import { SECRET, type S3Server } from '../../support/s3-server.ts';

const MIB = 2 ** 20;

let bucket: FaultyBucket;
let folder: string;
let server: S3Server;
let proxy: FaultyProxy;
let store: Store;

beforeAll(async () => {
  bucket = await startFaultyBucket('lab');
  ({ folder, server, proxy } = bucket);
  store = openStore('s3://lab/faults');
});
afterAll(async () => {
  await bucket.stop();
});

/** Idle connections are kept for a while; a new process has none. */
async function withNewConnections(): Promise<void> {
  await server.kill();
  await server.start();
}

describe('a bucket behind a bad network', () => {
  it('is tried again when the server says that it is busy', async () => {
    await withNewConnections();
    proxy.refuse(3);
    const before = proxy.faults();
    await store.put('busy', 'stored all the same');
    expect(proxy.faults()).toBe(before + 3);
    expect((await store.get('busy')).toString()).toBe('stored all the same');
  });

  it('is read on from where a body broke off, to the same bytes', async () => {
    const bytes = randomBytes(8 * MIB);
    await store.put('large', bytes);
    for (const read of [
      async () => await store.get('large'),
      async () => await readFile(await store.localFile('large')),
    ]) {
      await withNewConnections();
      proxy.resetAfter(3 * MIB, 2);
      const before = proxy.faults();
      expect((await read()).equals(bytes)).toBe(true);
      expect(proxy.faults()).toBeGreaterThan(before);
      proxy.resetAfter(0, 0);
    }
  });

  it("shows nothing of a large file whose writing was cut off by the server's death", async () => {
    const file = join(folder, 'shard');
    const bytes = randomBytes(96 * MIB);
    await writeFile(file, bytes);
    const writing = store.putFile('shards/one.arrow', file);
    writing.catch(() => undefined);
    await sleep(150);
    await server.kill();
    await server.start();
    expect(await store.list('shards')).toEqual([]);
    await writing;
    expect((await store.get('shards/one.arrow')).equals(bytes)).toBe(true);
  });

  it('waits for a server that is started again', async () => {
    await server.kill();
    const writing = store.put('waited', 'for');
    await sleep(1_000);
    await server.start();
    await writing;
    expect((await store.get('waited')).toString()).toBe('for');
  });

  it('fails as something that may pass when the server stays away, without telling secrets', async () => {
    await server.kill();
    const failed: unknown = await store.get('waited').catch((error: unknown) => error);
    await server.start();
    expect(failed).toMatchObject({ kind: 'transient', where: 's3://lab/faults/waited' });
    expect(describeError(failed)).not.toContain(SECRET);
    expect(JSON.stringify(failed)).not.toContain(SECRET);
  });

  it('is obeyed by a process whose clock jumps, on and back', async () => {
    const clock = join(folder, 'clock');
    const [asked, told] = [
      new URL('../../chaos/jumping-clock.mjs', import.meta.url).href,
      join(folder, 'ask.mts'),
    ];
    await writeFile(
      told,
      `import { writeFileSync } from 'node:fs';
       import { setTimeout as sleep } from 'node:timers/promises';
       import { openStore } from ${JSON.stringify(new URL('../../../pipelines/store/open-store.ts', import.meta.url).href)};
       const store = openStore('s3://lab/faults');
       await store.put('told', 'the time');
       for (const offsetMs of [3_600_000, -5_400_000, 0, 7_000_000, 0]) {
         writeFileSync(${JSON.stringify(clock)}, String(offsetMs));
         await sleep(1_000);
         const minutes = Math.round((Date.now() - performance.timeOrigin - performance.now()) / 60_000);
         console.log(String(minutes), await store.exists('told'));
       }`,
    );
    const { stdout } = await execa(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--import', asked, told],
      {
        env: { MODALMIX_CHAOS_CLOCK: clock },
      },
    );
    expect(stdout.split('\n')).toEqual(['60 true', '-90 true', '0 true', '117 true', '0 true']);
  });

  it('denies nothing to a process whose clock is right again when the answer to a wrong time comes', async () => {
    const clock = join(folder, 'clock');
    const jumping = new URL('../../chaos/jumping-clock.mjs', import.meta.url).href;
    const told = join(folder, 'ask-once.mts');
    await writeFile(
      told,
      `import { openStore } from ${JSON.stringify(new URL('../../../pipelines/store/open-store.ts', import.meta.url).href)};
       console.log(await openStore('s3://lab/faults').exists('told'));`,
    );
    await store.put('told', 'the time');
    await writeFile(clock, String(2 * 3_600_000));
    proxy.hold('HEAD ');
    const asked = execa(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--import', jumping, told],
      {
        env: { MODALMIX_CHAOS_CLOCK: clock },
      },
    );
    try {
      await expect.poll(() => proxy.held(), { timeout: 30_000 }).toBe(1);
      await writeFile(clock, '0');
      await sleep(1_000);
    } finally {
      proxy.hold(undefined);
      proxy.let();
    }
    expect((await asked).stdout).toBe('true');
  });

  it('is no bucket that denies access where a clock that is wrong is what it refuses', () => {
    const refusal = Object.assign(new Error('The difference between the request time …'), {
      name: 'RequestTimeTooSkewed',
      $metadata: { httpStatusCode: 403 },
    });
    expect(asStoreError(refusal, { bucket: 'lab', key: 'a' })).toMatchObject({
      kind: 'transient',
      message: "this machine's clock and the bucket's differ too much",
      where: 's3://lab/a',
    });
  });

  it('leaves no half of a download in the cache', async () => {
    const scratch = join(folder, 'home', 's3-cache', 'scratch');
    expect((await readdir(scratch)).filter((name) => name.startsWith('part-'))).toEqual([]);
  });
});
