/** Entry of the prediction's child process (see `run-prediction.ts`). */
import { serveParent } from '../process/child-process.ts';
import { openStore } from '../store/open-store.ts';
import { predictClips } from './predict-clips.ts';
import { predictionInputSchema, type FromPredictor } from './run-prediction.ts';

serveParent(async (input, { report, stopRequested }) => {
  const { storeUri, chosen, files } = predictionInputSchema.parse(input);
  const tell = (message: FromPredictor) => {
    report(message);
  };
  await predictClips({
    store: openStore(storeUri),
    chosen,
    files,
    onFacts: (facts) => {
      tell({ facts });
    },
    onPrediction: (prediction) => {
      tell({ prediction });
    },
    stopRequested,
  });
});
