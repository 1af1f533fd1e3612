/** A disk that fills up in each stage. Needs to be allowed to mount in a namespace, as root or as a user. */
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const SCENARIO = fileURLToPath(new URL('./full-disk-scenario.ts', import.meta.url));

test(
  'a store whose disk fills up in each stage, and is freed: one sentence each time, and the same bytes in the end',
  { timeout: 1_800_000 },
  async () => {
    const own = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), SCENARIO];
    const { stdout } = await execa('unshare', ['--mount', ...own, ...node]);
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    const of = (stage: string) => lines.find((line) => line['stage'] === stage);
    expect(of('the command itself')).toMatchObject({
      exitCode: 1,
      says: expect.stringMatching(/^error: \/.*: the disk is full$/u) as string,
    });
    for (const stage of ['extraction', 'training', 'evaluation']) {
      expect(of(stage)?.['says']).toMatch(/is tried again \(attempt \d+\): the disk is full/u);
    }
    expect(of('the run')).toMatchObject({ exitCode: 0 });
    expect(of('the stream')).toMatchObject({ clips: 18 });
    expect(of('the stream')?.['beforeTheDiskWasFreed']).toBeLessThan(18);
  },
);
