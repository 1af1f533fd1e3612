/** A real S3 server of a test file's own, over a folder; the environment then points to it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { s3ServerProgram } from '../../infra/setup/steps/s3-server.ts';

export const SECRET = 'a-secret-that-no-message-may-show';

export interface S3Server {
  readonly endpoint: string;
  readonly port: number;
  /** What a process needs to work with it. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder whose folders are the buckets. */
  readonly root: string;
  makeBucket(name: string): Promise<void>;
  /** SIGKILL; the data stays. */
  kill(): Promise<void>;
  /** After `kill`, on the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startS3Server(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-s3-'));
  const root = join(folder, 'data');
  const sidecar = join(folder, 'sidecar');
  await mkdir(root);
  await mkdir(sidecar);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${String(port)}`;
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'modalmix-test',
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_REGION: 'us-east-1',
  };
  let server: ChildProcess | undefined;
  const start = async () => {
    const args = ['--quiet', '--port', `127.0.0.1:${String(port)}`, 'posix', '--sidecar', sidecar, root];
    server = spawn(s3ServerProgram(), args, {
      stdio: 'ignore',
      env: { ...process.env, ROOT_ACCESS_KEY: env.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: SECRET },
    });
    for (let attempt = 0; ; attempt += 1) {
      try {
        await fetch(endpoint);
        return;
      } catch (error) {
        if (attempt > 200) throw error;
        await sleep(50);
      }
    }
  };
  const kill = async () => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  };
  await start();
  return {
    endpoint,
    port,
    env,
    root,
    makeBucket: async (name) => {
      await mkdir(join(root, name));
    },
    kill,
    start,
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
