/** What `modalmix predict` says of files by a version of a registered model. */
import { chooseModel } from '../../../pipelines/models/choose-model.ts';
import { runPrediction } from '../../../pipelines/prediction/run-prediction.ts';
import type { Store } from '../../../pipelines/store/store.ts';
import type { ClipPrediction } from '../../../schemas/prediction.ts';

export async function predictedBy(
  store: Store,
  model: string,
  version: number,
  files: readonly string[],
): Promise<ClipPrediction[]> {
  const predictions: ClipPrediction[] = [];
  await runPrediction({
    storeUri: store.uri,
    chosen: await chooseModel(store, { model: `${model}@${String(version)}` }),
    files: [...files],
    onFacts: () => undefined,
    onPrediction: (one) => predictions.push(one),
  });
  return predictions;
}
