/** A real Temporal server of a test file's own, and workers on it with scripted activities. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { requireTemporalCli } from '../../infra/temporal/find-cli.ts';

export interface TestServer {
  readonly address: string;
  /** Of its database. */
  readonly folder: string;
  /** Of its API over HTTP. */
  readonly httpAddress: string;
  readonly client: Client;
  stop(): Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-temporal-'));
  const [port, httpPort] = [await freePort(), await freePort()];
  const ports = ['--port', String(port), '--http-port', String(httpPort)];
  const args = ['server', 'start-dev', '--headless', ...ports, '--log-level', 'error'];
  const server = spawn(requireTemporalCli().path, [...args, '--db-filename', join(folder, 'db.sqlite')], {
    stdio: 'ignore',
  });
  const address = `127.0.0.1:${String(port)}`;
  const connection = await connectWhenUp(address);
  return {
    address,
    folder,
    httpAddress: `http://127.0.0.1:${String(httpPort)}`,
    client: new Client({ connection }),
    stop: async () => {
      await connection.close();
      server.kill('SIGKILL');
      await once(server, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function connectWhenUp(address: string): Promise<Connection> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await Connection.connect({ address, connectTimeout: 1_000 });
    } catch (error) {
      if (attempt > 100) throw error;
      await sleep(200);
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
