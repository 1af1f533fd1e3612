/** A search whose trainings are made up but true to the contracts: scores are given, some trainings fail. */
import { manifestOf } from '../../../bench/harness/made-up-run.ts';
import { collectRung } from '../../../pipelines/searches/collect-trials.ts';
import { rungsOf } from '../../../pipelines/searches/halving.ts';
import { parseSearch } from '../../../pipelines/searches/load-search.ts';
import { planRung } from '../../../pipelines/searches/plan-rung.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { SearchConfig } from '../../../schemas/config/search.ts';
import { storePaths } from '../../../schemas/names.ts';
import { epochMetricsSchema, trainingResultSchema } from '../../../schemas/training.ts';

export const SEARCH = 'made-up-search';
const CLASSES = ['neutral', 'happy', 'sad', 'fear'];

export interface MadeUpScore {
  readonly accuracy: number;
  readonly loss: number;
}
/** What a training comes to; text: why it fails. */
export type Outcome = (of: {
  readonly method: string;
  readonly trial: number;
  readonly epochs: number;
  readonly seed: number;
}) => MadeUpScore | string;

/** Plans rung after rung, and "trains" its trials. */
export async function makeUpSearch(store: Store, yaml: string, outcome: Outcome) {
  const { config, base } = await parseSearch(yaml, '/work/find.yaml');
  await store.put(storePaths.searchConfig(SEARCH), JSON.stringify(config));
  const bare = manifestOf(base, CLASSES, 40, (n) => `clip-${String(n)}`);
  const manifest = { ...bare, splits: { ...bare.splits, validation: bare.splits.test } };
  const dataset = { name: manifest.name, version: manifest.version };
  await store.put(storePaths.manifest(dataset.name, dataset.version), JSON.stringify(manifest));
  for (const [rung, { epochs }] of rungsOf(config, base.training.epochs).entries()) {
    await planRung({ store, searchId: SEARCH, dataset, rung });
    await trainRung(store, config, dataset, rung, epochs, outcome);
  }
  return { config, dataset };
}

async function trainRung(
  store: Store,
  config: SearchConfig,
  dataset: { readonly name: string; readonly version: string },
  rung: number,
  epochs: number,
  outcome: Outcome,
): Promise<void> {
  const input = { store, searchId: SEARCH, config, dataset, rung, epochs };
  for (const { method, trial, runId, trainings } of await collectRung(input)) {
    for (const { seed, trainingId } of trainings) {
      const found = outcome({ method, trial, epochs, seed });
      if (typeof found === 'string') {
        const path = storePaths.searchFailure(SEARCH, runId, method, seed);
        await store.put(path, JSON.stringify({ reason: found }));
        continue;
      }
      const metrics = Array.from({ length: epochs }, (_, index) =>
        epochMetricsSchema.parse({
          ...{ epoch: index + 1, step: 4 * (index + 1), learningRate: 1e-3, loss: 1, rho: {} },
          ...{ seconds: 0.5, clipsPerS: 80, train: { loss: 1, fused: 0.9, branches: {} } },
          validation: { loss: found.loss, fused: index + 1 === epochs ? found.accuracy : 0, branches: {} },
        }),
      );
      await store.put(
        storePaths.metrics(trainingId),
        metrics.map((line) => `${JSON.stringify(line)}\n`).join(''),
      );
      const result = trainingResultSchema.parse({
        ...{ formatVersion: 1, trainingId, method, seed, modalities: ['audio', 'rgb'], classNames: CLASSES },
        ...{ epochs, steps: 4 * epochs, parameters: 1_000, model: { path: 'model', sha256: 'ab' } },
        best: { path: 'best', epoch: epochs, criterion: 'validation accuracy', score: found.accuracy },
        last: metrics.at(-1),
        environment: { node: '22.0.0', tfjs: '4.22.0', tensorflow: '2.21.0', engine: 'cpu', threads: 2 },
      });
      await store.put(storePaths.trainingResult(trainingId), JSON.stringify(result));
    }
  }
}
