import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { groupsOf } from '../../../pipelines/experiments/matrix.ts';
import { trainingSpecs } from '../../../pipelines/training/training-spec.ts';
import { METHODS } from '../../../schemas/config/methods.ts';
import { loadExperiment } from '../../../pipelines/experiments/load-experiment.ts';
import { fileURLToPath } from 'node:url';

const BASE = `name: bench
base:
  name: clips
  dataset: { format: folder, root: clips }
  training: { epochs: 3 }
`;
const GOOD = `${BASE}methods: [joint, b-mm]
seeds: [0, 1]
`;
const refusal = (text: string): string => {
  try {
    parseExperiment(text, '/work/bench.yaml');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'it was taken';
};

describe('an experiment file', () => {
  it('becomes a run for each dataset, condition and fusion, with paths made absolute', () => {
    const config = parseExperiment(
      `${GOOD}fusions: [concat, sum]
datasets:
  - { name: one, dataset: { format: folder, root: one } }
  - { name: two, dataset: { format: folder, root: two } }
conditions:
  - { name: plain }
  - { name: noisy, data: { labelNoise: 0.2 } }
`,
      '/work/bench.yaml',
    );
    const groups = groupsOf(config);
    expect(groups).toHaveLength(8);
    expect(new Set(groups.map(({ runId }) => runId)).size).toBe(8);
    expect(groups[7]).toMatchObject({
      ...{ dataset: 'two', condition: 'noisy', fusion: 'sum' },
      config: {
        name: 'two',
        dataset: { root: '/work/two' },
        training: { fusion: 'sum', methods: ['joint', 'b-mm'], seeds: [0, 1], data: { labelNoise: 0.2 } },
      },
    });
  });

  it('names the same trainings as a run of the same config, so that they are used again', () => {
    const dataset = { name: 'clips', version: 'v1' };
    const idsOf = (text: string) =>
      groupsOf(parseExperiment(text, '/work/bench.yaml')).flatMap(({ config }) =>
        trainingSpecs(config, dataset).map(({ trainingId }) => trainingId),
      );
    const few = idsOf(GOOD);
    const more = idsOf(`${BASE}methods: [mm, b-mm, joint]\nseeds: [1, 0, 2]\n`);
    expect(few).toHaveLength(4);
    expect(more).toHaveLength(9);
    expect(few.every((id) => more.includes(id))).toBe(true);
  });

  it('that is wrong is told the line, the field and the fix', () => {
    expect(refusal(GOOD.replace('epochs', 'epohcs'))).toBe(
      'line 5, base.training.epohcs: there is no such field; did you mean "epochs"?',
    );
    expect(refusal(GOOD.replace('joint', 'jiont'))).toMatch(
      /line 6, methods\[0\]: is "jiont"; did you mean "joint"\?/u,
    );
    expect(refusal(GOOD.replace('[0, 1]', '[0, 0]'))).toMatch(/seeds\[1\].*leave one out/u);
    expect(refusal(`${GOOD}conditions: [{ name: a, data: { labelNoise: 2 } }]\n`)).toMatch(
      /conditions\[0\]\.data\.labelNoise: is 2; it must be at most 1/u,
    );
    expect(refusal(BASE)).toMatch(/methods: is missing.*\n.*seeds: is missing/u);
  });

  it('of the examples names every method there is', async () => {
    const file = fileURLToPath(new URL('../../../configs/experiment.yaml', import.meta.url));
    expect([...(await loadExperiment(file)).methods].sort()).toEqual([...METHODS].sort());
  });
});
