/** The bench's arithmetic and its pages: what a reader of the table relies on. */
import { describe, expect, it } from 'vitest';
import { figuresAgainst, median, ratioToPeer, verdictOf, type Figure } from '../../bench/harness/figure.ts';
import { inTurns } from '../../bench/harness/in-turns.ts';
import { machineName } from '../../bench/harness/machine.ts';
import { plotResults } from '../../bench/harness/plot.ts';
import { benchResultSchema, type BenchResult } from '../../bench/harness/results.ts';
import { figuresTable, formatNumber, machineSection, withSections } from '../../bench/harness/table.ts';

const speed: Figure = {
  name: 'Extraction',
  unit: 'clips/s',
  better: 'higher',
  ours: [80, 90, 70],
  peer: { name: 'Python', samples: [20, 18, 10] },
  goal: { ratio: 4 },
};

describe('a figure', () => {
  it('is the middle value, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
    expect(() => median([])).toThrow(RangeError);
  });

  it('compares with the peer round by round, so that a slow round does not tilt it', () => {
    // 80/20, 90/18, 70/10: of the medians it would be 80/18.
    expect(ratioToPeer(speed)).toBe(5);
    expect(ratioToPeer({ ...speed, peer: { name: 'Python', samples: [20, 40] } })).toBeCloseTo(80 / 30);
  });

  it('is ahead above 1 where less is better, too', () => {
    const seconds: Figure = { ...speed, better: 'lower', ours: [1, 2], peer: { name: 'P', samples: [4, 4] } };
    expect(ratioToPeer(seconds)).toBe(3);
  });

  it('reaches or misses its goal, and is never called reached without the peer', () => {
    expect(verdictOf(speed)).toBe('reached');
    expect(verdictOf({ ...speed, goal: { ratio: 5.01 } })).toBe('missed');
    expect(verdictOf({ ...speed, peer: { name: 'P', samples: [], problem: 'no network' } })).toBe(
      'not measured',
    );
    expect(verdictOf({ ...speed, better: 'lower', goal: { limit: 79 } })).toBe('missed');
    expect(verdictOf({ ...speed, better: 'lower', goal: { limit: 80 } })).toBe('reached');
    expect(verdictOf({ ...speed, better: 'higher', goal: { limit: 81 } })).toBe('missed');
  });
});

describe('a figure against several peers', () => {
  const { peer: _peer, ...figure } = speed;

  it('has its goal against the best of them, and only there', () => {
    const figures = figuresAgainst(
      [
        { name: 'slow', samples: [10, 10, 10] },
        { name: 'fast', samples: [40, 40, 40] },
        { name: 'absent', samples: [], problem: 'not fetched' },
      ],
      figure,
    );
    expect(figures.map(({ peer, goal }) => [peer?.name, goal])).toEqual([
      ['slow', undefined],
      ['fast', { ratio: 4 }],
      ['absent', undefined],
    ]);
    expect(figures.map(verdictOf)).toEqual(['no goal', 'missed', 'no goal']);
  });

  it('is not called reached when none of them could be run', () => {
    const figures = figuresAgainst([{ name: 'absent', samples: [], problem: 'not fetched' }], figure);
    expect(figures.map(verdictOf)).toEqual(['not measured']);
  });
});

describe('contenders', () => {
  it('run in turns, every second round the other way round', async () => {
    const order: string[] = [];
    const contender = (name: string) => async () => order.push(name);
    const figures = await inTurns(3, { ours: contender('ours'), peer: contender('peer') });
    expect(order).toEqual(['ours', 'peer', 'peer', 'ours', 'ours', 'peer']);
    expect(figures).toEqual({ ours: [1, 4, 5], peer: [2, 3, 6] });
  });
});

describe('the pages', () => {
  const result: BenchResult = benchResultSchema.parse({
    bench: 'extraction',
    title: 'Extraction',
    method: 'Clips of 3 s.',
    date: '2026-01-31',
    rounds: 3,
    machine: {
      cpu: 'AMD EPYC 7B13',
      cores: 2,
      memoryGiB: 24,
      os: 'Debian',
      node: 'v20.20.2',
      tensorflow: '2.21.0',
      ffmpeg: '5.1.9',
    },
    figures: [
      speed,
      { ...speed, name: 'Frames | flow', goal: { ratio: 6 }, note: 'both with flow' },
      { ...speed, name: 'GPU', peer: { name: 'PyTorch', samples: [], problem: 'no GPU' } },
      { name: 'Waiting', unit: '%', better: 'lower', ours: [1.25], goal: { limit: 2 } },
    ],
  });

  it('hold a row a figure, with what was missed or could not be measured marked', () => {
    const rows = figuresTable(result.figures).split('\n');
    const cellsOf = (row: string) => row.split(/(?<!\\)\|/u).map((cell) => cell.trim());
    expect(rows.slice(2).map(cellsOf)).toEqual([
      ['', 'Extraction, clips/s', '80 [70–90]', '18 [10–20] (Python)', '5×', '≥ 4×', 'reached', ''],
      ['', 'Frames \\| flow, clips/s', '80 [70–90]', '18 [10–20] (Python)', '5×', '≥ 6×', '**missed**', ''],
      ['', 'GPU, clips/s', '80 [70–90]', 'none (PyTorch)', '', '≥ 4×', '**not measured**', ''],
      ['', 'Waiting, %', '1.25', '', '', '≤ 2', 'reached', ''],
    ]);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
  });

  it('say the machine, how to repeat it, and why a peer is missing', () => {
    const section = machineSection({ name: 'amd-2-cores', results: [result] });
    expect(section).toContain('AMD EPYC 7B13, 2 cores, 24 GiB');
    expect(section).toContain('`npm run bench -- extraction`');
    expect(section).toContain('- GPU: PyTorch could not be run: no GPU');
    expect(section).toContain('- Frames | flow: both with flow');
  });

  it('replace what stands between the marks and nothing else', () => {
    const readme =
      'before\n\n<!-- figures: begin (written by npm run bench) -->\n\nold\n\n<!-- figures: end -->\nafter';
    const once = withSections(readme, ['new', '']);
    expect(once).toBe(readme.replace('old', 'new'));
    expect(withSections(once, ['new'])).toBe(once);
    expect(() => withSections('no marks', ['new'])).toThrow('figures: begin');
  });

  it('are drawn as a picture with every ratio and no figure that has none', () => {
    const svg = plotResults({ name: 'amd-2-cores', results: [result] });
    expect(svg).toMatch(/^<svg/u);
    expect(svg).toContain('Extraction / Python');
    expect(svg).toContain('5×');
    expect(svg).not.toContain('GPU');
  });

  it('write numbers with three digits that count', () => {
    expect([0.012345, 1.5, 17.94, 6740.4, 12, Infinity].map(formatNumber)).toEqual([
      '0.0123',
      '1.5',
      '17.9',
      '6,740',
      '12',
      'Infinity',
    ]);
  });

  it('keep machines apart by processor and cores', () => {
    expect(machineName({ cpu: 'Intel(R) Xeon(R) CPU @ 2.20GHz', cores: 2 })).toBe('intel-xeon-2-cores');
    expect(machineName({ cpu: 'AMD EPYC', cores: 1 })).toBe('amd-epyc-1-core');
  });
});
