import { expect, it } from 'vitest';
import { resultsSection } from '../../../../pipelines/evaluation/report/sections/results.ts';
import type { ReportInput } from '../../../../pipelines/evaluation/report/read-report-input.ts';
import { runConfigSchema } from '../../../../schemas/config/config.ts';

it('says beside the scores which methods the optimiser undoes', () => {
  const textFor = (name: string) => {
    const training = { methods: ['joint', 'agm'], optimizer: { name } };
    const config = runConfigSchema.parse({
      name: 'a',
      dataset: { format: 'digits', root: 'clips' },
      training,
    });
    const summary = { rows: [], testClips: 100 };
    return resultsSection({ config, summary } as unknown as ReportInput).text;
  };
  expect(textFor('adamw')).toMatch(/Mind: agm multiplies gradients, and adamw divides/u);
  expect(textFor('sgd')).not.toContain('Mind:');
});
