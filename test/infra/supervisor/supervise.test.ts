import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isAlive } from '../../../infra/processes.ts';
import {
  ensureSupervisor,
  nodeWithTypeScript,
  runningSupervisor,
  stopSupervisor,
  supervisorFiles,
  workerFailure,
} from '../../../infra/supervisor/supervise.ts';
import { addressOf, answers, embeddedTemporal } from '../../../infra/temporal/embedded-server.ts';

const WAIT = { timeout: 60_000, interval: 100 };

describe('the supervisor', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'modalmix-home-'));
    vi.stubEnv('MODALMIX_HOME', home);
  });

  afterEach(async () => {
    await stopSupervisor();
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });

  test(
    'brings back a killed worker and a killed server, and leaves nothing behind when stopped',
    { timeout: 200_000 },
    async () => {
      const supervisor = await ensureSupervisor();
      const worker = await vi.waitFor(() => runningWorker(), WAIT);
      const server = await vi.waitFor(
        () => embeddedTemporal.running() ?? Promise.reject(new Error('no server')),
        WAIT,
      );

      process.kill(worker.pid, 'SIGKILL');
      process.kill(server.process.pid, 'SIGKILL');

      const nextWorker = await vi.waitFor(() => {
        const next = runningWorker();
        expect(next.pid).not.toBe(worker.pid);
        return next;
      }, WAIT);
      const nextServer = await vi.waitFor(async () => {
        const next = embeddedTemporal.running();
        expect(next).toBeDefined();
        expect(await answers(addressOf(next!))).toBe(true);
        return next!;
      }, WAIT);
      expect(runningSupervisor()?.process).toEqual(supervisor.process);

      await stopSupervisor();
      const left = [supervisor.process, nextWorker, nextServer.process].filter(isAlive);
      expect(left).toEqual([]);
    },
  );

  test('is one, and a killed one leaves its worker to the next', { timeout: 200_000 }, async () => {
    const [first, same] = await Promise.all([ensureSupervisor(), ensureSupervisor()]);
    expect(same.process).toEqual(first.process);
    const orphan = await vi.waitFor(() => runningWorker(), WAIT);

    process.kill(first.process.pid, 'SIGKILL');
    await vi.waitFor(() => {
      expect(runningSupervisor()).toBeUndefined();
    }, WAIT);
    const second = await ensureSupervisor();

    expect(second.process).not.toEqual(first.process);
    await vi.waitFor(() => {
      expect(isAlive(orphan)).toBe(false);
      expect(runningWorker().pid).not.toBe(orphan.pid);
    }, WAIT);
    expect(readFileSync(supervisorFiles.log(), 'utf8')).toContain('supervisor starts');
  });

  test(
    'outlives a home in which nothing can be written, and starts the worker that dies meanwhile',
    { timeout: 200_000 },
    async () => {
      const supervisor = await ensureSupervisor();
      const worker = await vi.waitFor(() => runningWorker(), WAIT);
      // Nothing can be renamed to this: for who writes, as on a full disk.
      rmSync(supervisorFiles.state());
      mkdirSync(join(supervisorFiles.state(), 'in the way'), { recursive: true });
      process.kill(worker.pid, 'SIGKILL');
      const log = () => readFileSync(supervisorFiles.log(), 'utf8');
      await vi.waitFor(() => {
        expect(log()).toContain('the worker ended; it is started again');
        expect(log()).toContain('supervisor.json');
      }, WAIT);
      expect(isAlive(supervisor.process)).toBe(true);

      rmSync(supervisorFiles.state(), { recursive: true });
      await vi.waitFor(() => {
        expect(runningSupervisor()?.process).toEqual(supervisor.process);
        expect(runningWorker().pid).not.toBe(worker.pid);
      }, WAIT);
    },
  );

  test(
    'gives up a worker that cannot start, says its last words, and tries again for the next command',
    { timeout: 200_000 },
    async () => {
      const broken = join(home, 'broken.cjs');
      writeFileSync(
        broken,
        "if (/worker-main/.test(process.argv[1])) throw new Error('the addon core-bridge.node is not there');\n",
      );
      vi.stubEnv('NODE_OPTIONS', `--require ${broken}`);
      const first = await ensureSupervisor();
      const failure = await vi.waitFor(
        () => workerFailure() ?? Promise.reject(new Error('not given up yet')),
        WAIT,
      );
      expect(failure.kind).toBe('dependency');
      expect(failure.message).toContain('the worker cannot start: it ended 4 times in a row');
      expect(failure.message).toContain('the addon core-bridge.node is not there');
      expect(failure.where).toBe(supervisorFiles.workerLog());

      writeFileSync(broken, '');
      const { program, args } = nodeWithTypeScript();
      const script = fileURLToPath(new URL('./print-supervisor.ts', import.meta.url));
      expect((await execa(program, [...args, script])).stdout).not.toBe(String(first.process.pid));
      await vi.waitFor(() => runningWorker(), WAIT);
      expect(workerFailure()).toBeUndefined();
    },
  );

  test(
    'is left alone by the next command, also where the home folder is the default one',
    { timeout: 200_000 },
    async () => {
      vi.stubEnv('MODALMIX_HOME', undefined);
      const command = async (...args: string[]) => {
        const { program, args: typescript } = nodeWithTypeScript();
        const script = fileURLToPath(new URL('./print-supervisor.ts', import.meta.url));
        return (await execa(program, [...typescript, script, ...args], { cwd: home })).stdout;
      };

      const first = await command();
      try {
        expect(first).toMatch(/^\d+$/);
        expect(await command()).toBe(first);
      } finally {
        await command('stop');
      }
    },
  );
});

function runningWorker() {
  const worker = runningSupervisor()?.worker;
  if (worker === undefined || !isAlive(worker)) throw new Error('no worker runs');
  return worker;
}
