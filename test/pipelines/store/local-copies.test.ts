/** A machine's copies of a bucket's files, and a server that does not keep its word. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LocalCache } from '../../../pipelines/store/local-cache.ts';
import { openStore } from '../../../pipelines/store/open-store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modalmix-copies-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a local copy', () => {
  const VERSION = { uri: 's3://lab/shard.arrow', etag: '"1"', bytes: 6 };

  it('is fetched once, and again where a byte of it has changed', async () => {
    let fetches = 0;
    const fetch = async (path: string) => {
      fetches += 1;
      await writeFile(path, 'shard!');
    };
    const copyOf = async () => await new LocalCache(folder, 2 ** 30).file(VERSION, fetch);
    const copy = await copyOf();
    expect(await copyOf()).toBe(copy);
    expect(fetches).toBe(1);

    // As a disk does it: the file's length and times stay.
    const { atime, mtime } = await stat(copy);
    await writeFile(copy, 'sharD!');
    await utimes(copy, atime, mtime);
    expect(await readFile(await copyOf(), 'utf8')).toBe('shard!');
    expect(fetches).toBe(2);
  });

  it('that was put there by whoever stored it is checked as well', async () => {
    const cache = new LocalCache(join(folder, 'adopted'), 2 ** 30);
    await writeFile(join(folder, 'made'), 'shard!');
    await cache.adopt(VERSION, join(folder, 'made'));
    const never = async () => await Promise.reject(new Error('it is there'));
    const copy = await new LocalCache(join(folder, 'adopted'), 2 ** 30).file(VERSION, never);
    expect(await readFile(copy, 'utf8')).toBe('shard!');
    await writeFile(copy, 'sharD!');
    const again = new LocalCache(join(folder, 'adopted'), 2 ** 30).file(VERSION, never);
    await expect(again).rejects.toThrow('it is there');
  });
});

describe('a server that ignores If-None-Match', () => {
  const puts: string[] = [];
  let server: Server;
  beforeAll(async () => {
    // It answers every request as S3 does where all is well.
    server = createServer((request, response) => {
      if (request.method === 'PUT') puts.push(request.url ?? '');
      request.resume().on('end', () => response.writeHead(200, { ETag: '"1"' }).end());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    vi.stubEnv('AWS_REGION', 'us-east-1');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  it('is refused before a record is written, and asked anew after that', async () => {
    const store = openStore('s3://lab/prefix');
    for (const path of ['models/m/versions/1.json', 'models/m/versions/2.json']) {
      await expect(store.create(path, '{}')).rejects.toMatchObject({
        ...{ kind: 'config', where: 's3://lab/prefix/.conditional-write' },
        message: expect.stringContaining('ignores If-None-Match') as string,
      });
    }
    expect(puts.filter((url) => url.includes('/models/'))).toEqual([]);
    expect(puts).toHaveLength(4);
  });
});
