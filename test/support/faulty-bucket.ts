/** A bucket of a real S3 server behind a proxy that breaks and holds; the environment points to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENVIRONMENT } from '../../schemas/names.ts';
import { startFaultyProxy, type FaultyProxy } from './faulty-proxy.ts';
import { startS3Server, type S3Server } from './s3-server.ts';

export interface FaultyBucket {
  /** For the test's own files; the home folder is in it. */
  readonly folder: string;
  readonly server: S3Server;
  readonly proxy: FaultyProxy;
  stop(): Promise<void>;
}

/** @param bucket its name */
export async function startFaultyBucket(bucket: string): Promise<FaultyBucket> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-faulty-bucket-'));
  const server = await startS3Server();
  await server.makeBucket(bucket);
  const proxy = await startFaultyProxy(server.port);
  Object.assign(process.env, server.env, {
    AWS_ENDPOINT_URL: proxy.endpoint,
    [ENVIRONMENT.home]: join(folder, 'home'),
  });
  return {
    folder,
    server,
    proxy,
    stop: async () => {
      await proxy.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
