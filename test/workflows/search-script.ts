/** A search of which every part is made up: scores follow from the trial, and nothing is trained. */
import { runStage } from '../../activities/run-stage.ts';
import type { MethodName } from '../../schemas/config/methods.ts';
import { ModalmixError } from '../../schemas/errors.ts';
import { progressKeys, type SearchTraining } from '../../schemas/workflows.ts';
import type { ScriptedActivities } from '../support/scripted-worker.ts';
import { dataset, trainFor } from './scripts.ts';

export interface SearchScript {
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
  /** Of each method, rung by rung. */
  readonly trials: readonly number[];
  readonly trainMs?: number;
  /** `<method>-<trial>` that fail in the first rung. */
  readonly fails?: readonly string[];
}

/** Goes on with the trials of the smallest numbers that have not failed. */
export function searching(options: SearchScript) {
  const { methods, seeds, trials } = options;
  /** `rung 0: joint-3-s0`, in the order in which they ended. */
  const done: string[] = [];
  const noted: string[] = [];
  const pages: number[] = [];
  const planned: number[] = [];
  const flight = { now: 0, most: 0 };
  const failed = new Set<string>();
  const listOf = (rung: number): SearchTraining[] =>
    methods.flatMap((method) =>
      Array.from({ length: trials[0]! }, (_, index) => index + 1)
        .filter((trial) => rung === 0 || !failed.has(`${method}-${String(trial)}`))
        .slice(0, trials[rung])
        .flatMap((trial) =>
          seeds.map((seed) => ({
            runId: `trial-${String(trial)}-rung-${String(rung)}`,
            method,
            seed,
            trial,
          })),
        ),
    );
  const main = dataset(1, async () => undefined);
  const script = {
    ...main,
    planSearch: async () => ({
      build: 'base',
      rungs: trials.map((count, rung) => ({
        epochs: 3 ** (rung + 1),
        trainings: count * methods.length * seeds.length,
      })),
    }),
    planRung: async ({ rung }) => {
      planned.push(rung);
      return { trainings: listOf(rung).length };
    },
    listRung: async ({ rung, from, count }) => {
      pages.push(count);
      return { trainings: listOf(rung).slice(from, from + count) };
    },
    train: async ({ runId, method, seed }) =>
      await runStage(progressKeys.train, async ({ signal }) => {
        await trainFor(options.trainMs ?? 5, flight, signal);
        const [, trial, , rung] = runId.split('-');
        const name = `${method}-${trial!}`;
        if (rung === '0' && options.fails?.includes(name) === true) {
          failed.add(name);
          throw new ModalmixError('config', 'the loss became NaN');
        }
        done.push(`rung ${rung!}: ${name}-s${String(seed)}`);
        return { trainingId: name, steps: 1, epochs: 1, weightsSha256: 'ab' };
      }),
    noteTrialFailure: async ({ training: { method, trial, seed }, reason }) => {
      noted.push(`${method}-${String(trial)}-s${String(seed)}: ${reason}`);
    },
    writeSearch: async ({ dataset: { name } }) => ({ report: `report of ${name}`, summary: 'summary.json' }),
  } satisfies Partial<ScriptedActivities>;
  return { script, done, noted, pages, planned, flight };
}
