/** State files that somebody planted, or that another machine signs: no process that is not ours is ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeHome } from '../../../infra/folders.ts';
import { identifyProcess, isAlive, type ProcessIdentity } from '../../../infra/processes.ts';
import { writeStateFile } from '../../../infra/state-file.ts';
import {
  endOrphans,
  ensureSupervisor,
  runningSupervisor,
  stopSupervisor,
  supervisorFiles,
} from '../../../infra/supervisor/supervise.ts';
import { embeddedTemporal } from '../../../infra/temporal/embedded-server.ts';

let home: string;
let other: ChildProcess;
let stranger: ProcessIdentity;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'modalmix-planted-'));
  vi.stubEnv('MODALMIX_HOME', home);
  // Its words name our programs, but for the one it runs.
  other = spawn('sleep', ['600'], { stdio: 'ignore' });
  stranger = identifyProcess(other.pid!)!;
});
afterEach(() => {
  other.kill('SIGKILL');
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const stateOf = (more: object) => ({
  ...{ process: stranger, worker: stranger, streamWorkers: [stranger] },
  ...{ fingerprint: 'another', storeAccess: '', workerStarts: 1, ...more },
});

test('a planted supervisor.json names no supervisor, and ends nothing', async () => {
  writeStateFile(supervisorFiles.state(), stateOf({}));
  expect(runningSupervisor()).toBeUndefined();
  await endOrphans(stateOf({}));
  await stopSupervisor();
  expect(isAlive(stranger)).toBe(true);
});

test('a planted server.json names no server, and ends nothing', async () => {
  const file = join(home, 'temporal', 'server.json');
  writeStateFile(file, { process: stranger, ports: [1, 2, 3], startedAt: new Date().toISOString() });
  expect(embeddedTemporal.running()).toBeUndefined();
  await embeddedTemporal.stop();
  expect(isAlive(stranger)).toBe(true);
});

test('a home that another user has put into the working folder is refused', () => {
  const planted = join(home, '.modalmix');
  mkdirSync(planted, { mode: 0o777 });
  vi.stubEnv('MODALMIX_HOME', planted);
  if (process.getuid?.() === 0) chownSync(planted, 1, 1);
  const owner = statSync(planted).uid;
  const asUser = vi.spyOn(process as { getuid: () => number }, 'getuid').mockReturnValue(owner + 1);
  try {
    expect(makeHome).toThrow('the home belongs to another user');
    asUser.mockReturnValue(owner);
    makeHome();
    expect(statSync(planted).mode & 0o777).toBe(0o700);
  } finally {
    asUser.mockRestore();
  }
});

test.skipIf(process.platform !== 'linux')(
  'a home that a supervisor elsewhere signs is refused; its state is left alone',
  { timeout: 60_000 },
  async () => {
    const path = supervisorFiles.state();
    writeStateFile(path, stateOf({ space: 'another machine' }));
    const signing = setInterval(() => {
      utimesSync(path, new Date(), new Date());
    }, 500);
    try {
      await expect(ensureSupervisor()).rejects.toMatchObject({
        ...{ kind: 'config', where: home },
        message: 'this home is in use by a supervisor on another machine or in another container',
      });
      expect(runningSupervisor()).toBeUndefined();
      await stopSupervisor();
      expect(isAlive(stranger)).toBe(true);
    } finally {
      clearInterval(signing);
    }
  },
);

test.skipIf(process.platform === 'win32')(
  'the home is its owner’s alone, also one that was open before',
  () => {
    const made = join(home, 'new', '.modalmix');
    vi.stubEnv('MODALMIX_HOME', made);
    makeHome();
    expect(statSync(made).mode & 0o777).toBe(0o700);
    chmodSync(made, 0o755);
    makeHome();
    expect(statSync(made).mode & 0o777).toBe(0o700);
    // Whoever names another folder knows what it is for.
    const named = join(home, 'shared');
    mkdirSync(named, { mode: 0o755 });
    chmodSync(named, 0o755);
    vi.stubEnv('MODALMIX_HOME', named);
    makeHome();
    expect(statSync(named).mode & 0o777).toBe(0o755);
  },
);
