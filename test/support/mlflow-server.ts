/** A real MLflow server of a test file's own: `mlflow server` with a database and artefacts in a folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testMlflowFolder } from '../../infra/setup/steps/test-mlflow.ts';

export interface MlflowServer {
  readonly uri: string;
  /** An answer of its REST API. */
  api(path: string, body?: object): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

const STARTS_WITHIN_MS = 120_000;

export async function startMlflow(): Promise<MlflowServer> {
  const python = process.env['MODALMIX_TEST_MLFLOW'] ?? join(testMlflowFolder(), 'bin', 'python');
  if (!existsSync(python)) throw new Error(`There is no MLflow at ${python}: npm run setup -- --for=test`);
  const folder = await mkdtemp(join(tmpdir(), 'modalmix-mlflow-'));
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  const where = ['--host', '127.0.0.1', '--port', String(port), '--workers', '1'];
  const keeps = ['--backend-store-uri', 'sqlite:///mlflow.db', '--artifacts-destination', './artefacts'];
  // A group of its own: the server has workers, which must end with it.
  const server = spawn(python, ['-m', 'mlflow', 'server', ...where, ...keeps], {
    ...{ cwd: folder, stdio: 'ignore', detached: true },
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true', HOME: folder },
  });
  const uri = `http://127.0.0.1:${String(port)}`;
  const stop = async () => {
    try {
      process.kill(-server.pid!, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  const begunMs = Date.now();
  while (
    !(await fetch(`${uri}/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (server.exitCode !== null || Date.now() - begunMs > STARTS_WITHIN_MS) {
      await stop();
      throw new Error(`mlflow server did not start (exit code ${String(server.exitCode)})`);
    }
    await sleep(200);
  }
  return {
    uri,
    api: async (path, body) => {
      const how = {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      };
      const response = await fetch(`${uri}/api/2.0/mlflow/${path}`, body === undefined ? {} : how);
      return (await response.json()) as Record<string, unknown>;
    },
    stop,
  };
}
