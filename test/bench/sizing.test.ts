import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { estimate } from '../../bench/sizing/estimate.ts';
import type { Rates } from '../../bench/sizing/rates.ts';
import { sizingTable } from '../../bench/sizing.ts';

const RATES: Rates = {
  ...{ machine: 'made up', cores: 2, date: '2026-01-01', clips: 'made up' },
  ...{ featureBytesPerClip: 1_000_000, sourceBytesPerClip: 500_000 },
  extractedClipsPerS: { ffmpeg: 20 },
  ...{ hashedMBPerS: 1_000, plannedClipsPerS: 10_000 },
  ...{ eventsPerShard: 5, historyBytesPerShard: 1_000, eventsPerExecution: 4_000, shardsPerS: 20 },
};
const MILLION = { clips: 1e6, workers: 5, coresPerWorker: 10, engine: 'ffmpeg' };

describe('the size of a dataset', () => {
  it('follows from the rates', () => {
    // 96 MiB filled to 0.96 are 96.6 rows of 1 MB, in 6 parts, with a request before and one after them.
    const found = estimate(RATES, MILLION);
    expect(found).toMatchObject({ clipsPerShard: 96, shards: 10_417, featureTB: 1, sourceTB: 0.5 });
    expect(found.executions).toBe(14);
    expect(found.writeRequests).toBe(10_417 * (6 + 2 + 1));
    expect(found.readRequests).toBe(10_417 * 7);
    // 10 clips a second and core, 50 cores.
    expect(found.buildHours).toBeCloseTo(2_000 / 3_600, 5);
    expect(found.planHours).toBeCloseTo(500 / 3_600, 5);
    expect(found.workflowLoad).toBeCloseTo(10_417 / 20 / 2_000, 5);
  });

  it('is bounded by what one workflow can do, however many workers there are', () => {
    const found = estimate(RATES, { ...MILLION, workers: 10_000 });
    expect(found.buildHours).toBeCloseTo(10_417 / 20 / 3_600, 5);
    expect(found.workflowLoad).toBe(1);
  });

  it('cannot be told for an engine that was not measured', () => {
    expect(() => estimate(RATES, { ...MILLION, engine: 'none' })).toThrow('"none"');
  });

  it('is in the docs as the measured rates give it', async () => {
    const text = await readFile(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
    const table = /<!-- sizing -->\n+([\s\S]*?)\n+<!-- \/sizing -->/u.exec(text)?.[1] ?? '';
    const cells = (markdown: string) =>
      markdown.split('\n').map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+:?$/u, '-')));
    expect(cells(table)).toEqual(cells(sizingTable()));
  });
});
