import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Cell } from '../../../pipelines/experiments/collect-cells.ts';
import { compareContrasts } from '../../../pipelines/experiments/compare-contrasts.ts';
import { contrastText } from '../../../cli/text/contrast-table.ts';
import { parseExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { incompleteBeta, studentQuantile } from '../../../pipelines/statistics/student.ts';
import { plannedContrasts, type PlannedContrast } from '../../../schemas/config/contrasts.ts';
import { METHODS, methodSchema } from '../../../schemas/config/methods.ts';

const interval = z.tuple([z.number(), z.number()]);
/** By NumPy and SciPy from single clips: `golden/make_contrasts.py`. */
const golden = z
  .object({
    folds: z.record(z.string(), z.string()),
    hits: z.partialRecord(methodSchema, z.record(z.string(), z.array(z.string()))),
    contrasts: z.array(
      z.object({
        first: methodSchema,
        second: methodSchema,
        difference: z.number(),
        blocks: z.object({ count: z.int(), interval, p: z.number() }),
        groups: z.object({ count: z.int(), interval, bootstrap: interval, p: z.number() }),
      }),
    ),
    student: z.array(z.object({ within: z.number(), df: z.number(), t: z.number() })),
    beta: z.array(z.object({ x: z.number(), a: z.number(), b: z.number(), value: z.number() })),
  })
  .parse(JSON.parse(await readFile(new URL('golden/contrasts.json', import.meta.url), 'utf8')));

/** The golden file's trainings as cells of an experiment: its folds are conditions of one dataset. */
function cellsOf(grouped: boolean): Cell[] {
  return METHODS.flatMap((method) =>
    Object.entries(golden.hits[method] ?? {}).flatMap(([fold, seeds]) =>
      seeds.map((digits, seed) => {
        const clips = Array.from(digits, (digit, n) => [`${fold}-${String(n)}`, digit === '1'] as const);
        const groups = golden.folds[fold]!.split(' ').map(
          (group, n) => [`${fold}-${String(n)}`, group] as const,
        );
        const accuracy = clips.filter(([, hit]) => hit).length / clips.length;
        return {
          ...{
            runId: fold,
            dataset: 'voices',
            condition: fold,
            fusion: 'concat',
            method,
            seed,
            state: 'done',
          },
          outcome: {
            evaluation: { fused: { accuracy } },
            hits: new Map(clips),
            groups: new Map(grouped ? groups : []),
          },
        } as unknown as Cell;
      }),
    ),
  );
}

const planned = golden.contrasts.map(({ first, second }): PlannedContrast => [first, second]);

describe('planned contrasts', () => {
  const [all, ...parts] = compareContrasts(cellsOf(true), planned);

  it.each(golden.contrasts)('agree with NumPy and SciPy: $first − $second', (expected) => {
    const found = all!.contrasts.find(
      ({ first, second }) => first === expected.first && second === expected.second,
    )!;
    expect(found.difference).toBeCloseTo(expected.difference, 12);
    expect([found.blocks.count, found.groups.count]).toEqual([expected.blocks.count, expected.groups.count]);
    for (const end of [0, 1] as const) {
      expect(found.blocks.interval?.[end]).toBeCloseTo(expected.blocks.interval[end], 10);
      expect(found.groups.interval?.[end]).toBeCloseTo(expected.groups.interval[end], 10);
      // Ten thousand draws of the 3,125 that there are.
      expect(Math.abs(found.groups.bootstrap![end] - expected.groups.bootstrap[end])).toBeLessThan(0.01);
    }
    expect(found.blocks.p).toBeCloseTo(expected.blocks.p, 10);
    expect(found.groups.p).toBeCloseTo(expected.groups.p, 10);
  });

  it('take a speaker for one over all folds and seeds, and say what so few can never show', () => {
    expect(all!.contrasts.map(({ groups }) => [groups.unit, groups.count, groups.leastP])).toEqual(
      Array(3).fill(['group', 5, 1 / 16]),
    );
    expect(contrastText(all!)).toMatch(
      /With 5 groups the smallest p there can be is 0\.063, 0\.19 as the smallest of 3 by Holm’s correction: the test over groups cannot reach 0\.05/u,
    );
    expect(contrastText(all!)).toMatch(/b-mm − mm +\+17\.1 +\+0\.3 … \+34\.0 +6 /u);
  });

  it('are corrected among themselves alone, in each scope by itself', () => {
    const ps = all!.contrasts.map(({ groups }) => groups.p);
    expect(ps).toEqual([1 / 16, 15 / 16, 1 / 16]);
    expect(all!.contrasts.map(({ groups }) => groups.holm)).toEqual([3 / 16, 15 / 16, 3 / 16]);
    expect(parts.map(({ dataset, condition, contrasts }) => [dataset, condition, contrasts.length])).toEqual([
      ['voices', 'one', 3],
      ['voices', 'two', 3],
    ]);
    expect(parts[0]!.contrasts[0]!.groups.count).toBe(3);
  });

  it('take each clip for itself where no groups are named, and say so', () => {
    const [found] = compareContrasts(cellsOf(false), planned);
    expect(found!.contrasts[0]!.groups).toMatchObject({ unit: 'clip', count: 66 });
    expect(contrastText(found!)).toContain('p clips');
  });

  it('leave out what no training has, and give no interval from one block', () => {
    const one = cellsOf(true).filter(({ condition, seed }) => condition === 'one' && seed === 0);
    const [found] = compareContrasts(one, [...planned, ['ogm-ge', 'joint']]);
    expect(found!.contrasts).toHaveLength(3);
    expect(found!.contrasts[0]!.blocks).toMatchObject({ count: 1, leastP: 1, p: 1 });
    expect(found!.contrasts[0]!.blocks.interval).toBeUndefined();
    expect(compareContrasts([], planned)).toEqual([]);
  });
});

describe('the config of contrasts', () => {
  const file = (more: string) => `name: bench
base: { name: clips, dataset: { format: folder, root: clips } }
methods: [joint, mm, b-mm]
seeds: [0]
${more}`;
  const refusal = (more: string): string => {
    try {
      parseExperiment(file(more), '/work/bench.yaml');
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return 'it was taken';
  };

  it('absent, plans those of the four usual ones whose methods are there', () => {
    expect(plannedContrasts(parseExperiment(file(''), '/work/bench.yaml'))).toEqual([
      ['b-mm', 'mm'],
      ['mm', 'joint'],
      ['b-mm', 'joint'],
    ]);
  });

  it('that is wrong is told the field and the fix', () => {
    expect(refusal('contrasts: [[b-mm, ogm]]')).toMatch(/contrasts\[0\]: .*ogm is not among the methods/u);
    expect(refusal('contrasts: [[mm, mm]]')).toMatch(/contrasts\[0\].*minus itself/u);
    expect(refusal('contrasts: [[mm, joint], [joint, mm]]')).toMatch(/contrasts\[1\].*leave one out/u);
  });
});

describe("Student's t", () => {
  it.each(golden.student)('has the quantile of $within with $df', ({ within, df, t }) => {
    expect(studentQuantile(within, df) / t).toBeCloseTo(1, 9);
  });

  it.each(golden.beta)('stands on the incomplete beta at $x for $a, $b', ({ x, a, b, value }) => {
    expect(incompleteBeta(x, a, b) / value).toBeCloseTo(1, 10);
  });
});
