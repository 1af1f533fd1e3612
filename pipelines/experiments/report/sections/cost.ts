import { markup, type Html } from '../../../evaluation/report/html.ts';
import { chartPanel, sectionHeading } from '../../../evaluation/report/sections/parts.ts';
import type { ExperimentData } from '../experiment-data.ts';

/** What accuracy costs. */
export function costSection(data: ExperimentData): Html {
  const hasMemory = data.cost.some(({ peakMemoryMiB }) => peakMemoryMiB !== null);
  return markup`${sectionHeading(
    'cost',
    'Cost',
    markup`Accuracy against what a training takes, mean over the seeds. Times are those of the machine that trained,
      with whatever else it did; a method that builds on other trainings does not count theirs.`,
  )}
    <div class="panels">
      ${chartPanel({
        key: 'cost/seconds',
        title: 'Accuracy and seconds of training',
        label:
          'Scatter plot: mean test accuracy against seconds of training, a point a method. The values follow as a table.',
        shape: 'square',
      })}
      ${
        hasMemory
          ? chartPanel({
              key: 'cost/memory',
              title: 'Accuracy and peak memory',
              label:
                'Scatter plot: mean test accuracy against peak memory, a point a method. The values follow as a table.',
              shape: 'square',
            })
          : undefined
      }
    </div>`;
}
