import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withLock } from '../../infra/lock.ts';
import { identifyProcess } from '../../infra/processes.ts';
import { withJumpingDate } from '../support/jumping-date.ts';

describe('a lock between processes', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'modalmix-lock-'));
    path = join(folder, 'some.lock');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('is waited for as long as was asked, however the clock jumps', async () => {
    await withJumpingDate(async () => {
      const first = withLock(path, { waitMs: 0 }, async () => await sleep(300));
      await expect(withLock(path, { waitMs: 20_000 }, async () => await Promise.resolve('in'))).resolves.toBe(
        'in',
      );
      await first;
    });
  });

  test('lets one in at a time', async () => {
    let inside = 0;
    let most = 0;
    const enter = async () => {
      await withLock(path, { waitMs: 20_000 }, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(20);
        inside -= 1;
      });
    };
    await Promise.all([enter(), enter(), enter(), enter()]);
    expect(most).toBe(1);
  });

  test('is free again when what was done inside fails', async () => {
    const fail = async () => {
      throw new Error('as planned');
    };
    await expect(withLock(path, { waitMs: 0 }, fail)).rejects.toThrow('as planned');
    expect(await withLock(path, { waitMs: 0 }, async () => 'inside')).toBe('inside');
  });

  test('is taken from a holder that died', async () => {
    const child = execa('sleep', ['60'], { reject: false });
    writeFileSync(path, JSON.stringify(identifyProcess(child.pid!)));
    const held = withLock(path, { waitMs: 0 }, async () => 'inside');
    await expect(held).rejects.toThrow(`process ${child.pid!} has been busy`);

    child.kill('SIGKILL');
    await child;

    expect(await withLock(path, { waitMs: 0 }, async () => 'inside')).toBe('inside');
  });
});
