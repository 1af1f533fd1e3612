import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { patience } from '../../../infra/detached-server.ts';
import { boundLog } from '../../../infra/log-file.ts';
import { endProcess, isAlive } from '../../../infra/processes.ts';
import { nodeWithTypeScript } from '../../../infra/supervisor/supervise.ts';
import { answers, embeddedTemporal } from '../../../infra/temporal/embedded-server.ts';
import { ensureTemporal, stopTemporal } from '../../../infra/temporal/ensure-temporal.ts';
import { ModalmixError } from '../../../schemas/errors.ts';

describe('the embedded Temporal server', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'modalmix-home-'));
    vi.stubEnv('MODALMIX_HOME', home);
  });

  afterEach(async () => {
    await stopTemporal();
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });

  test('keeps its workflows and its address when it is killed and started again', async () => {
    const before = await ensureTemporal();
    expect(before.embedded).toBe(true);
    await withClient(before.address, async (client) => {
      await client.workflow.start('waitsForAWorker', { workflowId: 'kept', taskQueue: 'nobody', args: [] });
    });
    const first = embeddedTemporal.running()!;

    process.kill(first.process.pid, 'SIGKILL');
    const after = await ensureTemporal();

    expect(after.address).toBe(before.address);
    expect(embeddedTemporal.running()!.process.pid).not.toBe(first.process.pid);
    await withClient(after.address, async (client) => {
      expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
    });
  });

  test('starts again when its very first start was cut short', async () => {
    const folder = join(home, 'temporal');
    mkdirSync(folder);
    // What is left when the tables are only half made: a database that is none.
    writeFileSync(join(folder, 'temporal.db'), 'half of a database');
    const { address } = await ensureTemporal();
    expect(await answers(address)).toBe(true);
    expect(readFileSync(join(folder, 'temporal.db.unusable'), 'utf8')).toBe('half of a database');
  });

  test('is one server when several processes ask for it at the same time', async () => {
    const { program, args } = nodeWithTypeScript();
    const module = new URL('../../../infra/temporal/ensure-temporal.ts', import.meta.url).href;
    const script = `const { ensureTemporal } = await import('${module}'); console.log((await ensureTemporal()).address);`;
    const ask = async () =>
      (await execa(program, [...args, '--input-type=module', '--eval', script])).stdout.trim();

    const addresses = await Promise.all([ask(), ask(), ask()]);

    expect(new Set(addresses).size).toBe(1);
    expect(addresses[0]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await serversOf(home)).toHaveLength(1);
  });

  test('is never two with one database, even where its state file is lost', async () => {
    const { address } = await ensureTemporal();
    const first = embeddedTemporal.running()!;
    rmSync(join(home, 'temporal', 'server.json'));
    expect((await ensureTemporal()).address).toBe(address);
    expect(embeddedTemporal.running()!.process).toEqual(first.process);

    // Nothing is left that tells of it but the lock on its data.
    rmSync(join(home, 'temporal', 'server.json'), { force: true });
    writeFileSync(join(home, 'temporal', 'temporal.db.lock'), '');
    const error = await ensureTemporal().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'transient', where: join(home, 'temporal', 'temporal.db.lock') });
    expect((error as Error).message).toContain('has its data open');
    expect(await serversOf(home)).toHaveLength(1);
    expect(await answers(address)).toBe(true);
    await endProcess(first.process, 10_000);
    expect(await answers((await ensureTemporal()).address)).toBe(true);
    expect(await serversOf(home)).toHaveLength(1);
  });

  test('that is stopped dead (SIGSTOP) is ended before another one has its database', async () => {
    await ensureTemporal();
    const first = embeddedTemporal.running()!;
    process.kill(first.process.pid, 'SIGSTOP');
    const { address } = await ensureTemporal();
    expect(isAlive(first.process)).toBe(false);
    expect(await serversOf(home)).toHaveLength(1);
    expect(await answers(address)).toBe(true);
  }, 400_000);

  test('keeps a database without its mark that works, history and all', async () => {
    const { address } = await ensureTemporal();
    await withClient(address, async (client) => {
      await client.workflow.start('waitsForAWorker', { workflowId: 'kept', taskQueue: 'nobody', args: [] });
    });
    await stopTemporal();
    rmSync(join(home, 'temporal', 'temporal.db.complete'));
    await withClient((await ensureTemporal()).address, async (client) => {
      expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
    });
  });

  test('takes nothing over HTTP, where any page in a browser could ask it', async () => {
    await ensureTemporal();
    const [, , httpPort] = embeddedTemporal.running()!.ports;
    const api = `http://127.0.0.1:${String(httpPort)}/api/v1/namespaces`;
    for (const request of [{}, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: '{}' }]) {
      const answer = await fetch(api, request);
      expect(answer.status).toBe(403);
      expect(await answer.text()).toContain('Host not allowed');
    }
  });

  test('outlives the process that started it, and ends when it is stopped', async () => {
    await ensureTemporal();
    const server = embeddedTemporal.running()!;
    expect(isAlive(server.process)).toBe(true);
    await stopTemporal();
    expect(isAlive(server.process)).toBe(false);
    expect(embeddedTemporal.running()).toBeUndefined();
  });

  test('that cannot start says so with the end of its log', async () => {
    const fakes = join(home, 'bin');
    const script = '#!/bin/sh\necho "no room for the database" >&2\nexit 3\n';
    mkdirSync(fakes);
    writeFileSync(join(fakes, 'temporal'), script, { mode: 0o755 });
    vi.stubEnv('PATH', `${fakes}:${process.env['PATH'] ?? ''}`);

    const error = await ensureTemporal().catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(ModalmixError);
    expect((error as ModalmixError).message).toContain('no room for the database');
    expect((error as ModalmixError).where).toBe(join(home, 'temporal', 'server.log'));
  });
});

test('the busier the machine, the longer a server is waited for', () => {
  expect([0, 1.5, 2, 4, 13, 400].map((load) => patience(20, load, 2))).toEqual([20, 20, 20, 40, 130, 200]);
});

test('the log of a program that runs stays bounded, and its end is kept', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modalmix-log-'));
  const path = join(folder, 'server.log');
  const log = openSync(path, 'a');
  const line = `${'x'.repeat(1_048_575)}\n`;
  for (let mib = 0; mib < 21; mib += 1) writeSync(log, line);
  boundLog(path);
  expect([statSync(path).size, statSync(`${path}.1`).size]).toEqual([0, 21 * 1_048_576]);
  writeSync(log, 'after\n');
  closeSync(log);
  boundLog(path);
  expect(readFileSync(path, 'utf8')).toBe('after\n');
  rmSync(folder, { recursive: true });
});

/** Lines of the process list whose command line names the home's database. */
async function serversOf(home: string): Promise<string[]> {
  const { stdout } = await execa('ps', ['-eo', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(`--db-filename ${home}`));
}

async function withClient(address: string, action: (client: Client) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await action(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
