import { inOrder } from '../../../../schemas/modality.ts';
import { headName } from '../../../evaluation/report/head-names.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import { isDone } from '../../group-sums.ts';
import { testConditions } from '../../result-rows.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { heatTable, mean } from './parts.ts';

const WORDS = { dropped: 'dropped', noise: 'noise', blur: 'blur', mask: 'mask' } as const;

/** What is left when a modality of the test clips is missing or disturbed. */
export function testsSection({ config, groups }: ExperimentPageInput): Html {
  const condition = config.conditions[0]!.name;
  const cells = groups.flatMap((group) => group.cells).filter((cell) => cell.condition === condition);
  const done = cells.filter(isDone);
  const series = [...new Set(done.map(({ dataset, fusion }) => `${dataset}, ${fusion}`))];
  const tables = series.flatMap((one) =>
    inOrder(done.flatMap(({ outcome }) => outcome.evaluation.modalities)).flatMap((modality) => {
      const own = done.filter(({ dataset, fusion }) => `${dataset}, ${fusion}` === one);
      const steps = [
        ...new Set(
          own.flatMap((cell) =>
            testConditions(cell)
              .filter((step) => step.modality === modality)
              .map(({ test }) => test),
          ),
        ),
      ].sort((a, b) => order(a) - order(b));
      if (steps.length === 0) return [];
      const rows = config.methods.flatMap((method) => {
        const trained = own.filter((cell) => cell.method === method);
        if (trained.length === 0) return [];
        const values = [
          mean(trained.map(({ outcome }) => outcome.evaluation.fused.accuracy)),
          ...steps.map((test) =>
            mean(
              trained.flatMap((cell) =>
                testConditions(cell)
                  .filter((step) => step.test === test)
                  .map(({ scores }) => scores.accuracy),
              ),
            ),
          ),
        ];
        return [{ name: method, values }];
      });
      const caption = `${series.length > 1 ? `${one}: ` : ''}${headName(modality)} disturbed`;
      const columns = ['intact', ...steps.map((step) => step.slice(modality.length + 1))];
      return [markup`<div class="below">${heatTable(caption, 'Method', columns, rows)}</div>`];
    }),
  );
  return markup`${sectionHeading(
    'tests',
    'Test conditions',
    markup`Accuracy of the fused model in percent when one modality of the test clips is missing or disturbed, mean over
      the seeds, trained under “${condition}”. Noise: its deviation in deviations of the normalised input. Blur: the
      Gaussian’s deviation in pixels of the crop. Mask: the share of frequencies and of times that a band each hides.`,
  )}
  ${tables}`;
}

/** Noise first, then blur and masks, by level; dropped last. */
function order(test: string): number {
  const kind = Object.keys(WORDS).findIndex((word) => test.includes(` ${word}`));
  const level = Number(test.split(' ').at(-1));
  return (kind === 0 ? 9 : kind) * 1e6 + (Number.isFinite(level) ? level : 0);
}
