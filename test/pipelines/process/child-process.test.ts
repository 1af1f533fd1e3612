import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runInChild } from '../../../pipelines/process/child-process.ts';

const child = new URL('./children/scripted-child.ts', import.meta.url);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a stage in a child process', () => {
  it('gives back its output and every report, in order', async () => {
    const reports: unknown[] = [];
    const output = await runInChild(child, 'count', { onProgress: (progress) => reports.push(progress) });
    expect(output).toEqual({ counted: 3 });
    expect(reports).toEqual([{ done: 1 }, { done: 2 }, { done: 3 }]);
  });

  it('hands typed arrays through unchanged', async () => {
    expect(await runInChild(child, new Float32Array([1.5, -2]))).toEqual(new Float32Array([1.5, -2]));
  });

  it("fails with the child's own error: kind, place and fix", async () => {
    await expect(runInChild(child, 'fail')).rejects.toMatchObject({
      kind: 'input',
      message: 'the shard is broken',
      where: 'train-0.arrow',
      fix: 'Rebuild it.',
    });
  });

  it('fails with a stack that names the child’s source', async () => {
    await expect(runInChild(child, 'fail')).rejects.toMatchObject({
      stack: expect.stringMatching(/scripted-child\.ts:\d+:\d+/u) as string,
    });
  });

  it('counts a killed child as transient, so that it is tried again', async () => {
    await expect(runInChild(child, 'die')).rejects.toMatchObject({ kind: 'transient' });
  });

  it('stops at its next safe point when the signal aborts', async () => {
    const abort = new AbortController();
    const run = runInChild(child, 'work until stopped', {
      signal: abort.signal,
      onProgress: () => {
        abort.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('dies with a parent that is killed, so that no two ever write the same run', async () => {
    const parent = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./parent.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { pid: number };
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let waited = 0; waited < 100 && isAlive(pid); waited += 1) await sleep(50);
    expect(isAlive(pid)).toBe(false);
  });
});
