/** What a trained model says of clips. */
import { chooseModel, type ModelChoice } from '../pipelines/models/choose-model.ts';
import { openStore } from '../pipelines/store/open-store.ts';
import { runPrediction } from '../pipelines/prediction/run-prediction.ts';
import type { ClipPrediction, PredictionFacts } from '../schemas/prediction.ts';
import { clipsToPredict } from '../runs/clips-to-predict.ts';

export interface PredictOptions extends Pick<ModelChoice, 'run' | 'model' | 'method' | 'seed'> {
  /** URI of the store. */
  readonly store: string;
  /** Called for each clip once, in their order, as soon as it is judged. */
  readonly onPrediction?: (prediction: ClipPrediction, facts: PredictionFacts) => void;
  /** Stops between two batches; the call then fails with kind `cancelled`. */
  readonly signal?: AbortSignal;
}

export interface Predictions {
  readonly facts: PredictionFacts;
  readonly predictions: readonly ClipPrediction[];
}

/**
 * As `modalmix predict`: by a run's or a training's model (`run`), a registered one (`model`), or the run that ended
 * last. Needs no server.
 *
 * @param clips files and folders; a folder stands for all media files in it
 * @throws ModalmixError `config` when there is no such model or a folder holds no clip. A clip that cannot be used is
 *   no error: its prediction says why
 */
export async function predict(clips: readonly string[], options: PredictOptions): Promise<Predictions> {
  const { store: uri, onPrediction, signal, ...choice } = options;
  const files = await clipsToPredict(clips);
  const store = openStore(uri);
  const chosen = await chooseModel(store, choice);
  const predictions: ClipPrediction[] = [];
  let facts: PredictionFacts | undefined;
  await runPrediction({
    storeUri: store.uri,
    chosen,
    files: files.map(({ path }) => path),
    onFacts: (told) => {
      facts = told;
    },
    onPrediction: (prediction) => {
      predictions.push(prediction);
      onPrediction?.(prediction, facts!);
    },
    ...(signal === undefined ? {} : { signal }),
  });
  return { facts: facts!, predictions };
}
