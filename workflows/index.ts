/** What a worker's workflow bundle holds. */
export { closeWindow } from './close-window.ts';
export { evaluateModel } from './evaluate-model.ts';
export { freezeStream } from './freeze-stream.ts';
export { notifyWebhooks } from './telling/notify-webhooks.ts';
export { rebuildAndTrain } from './rebuild-and-train.ts';
export { rebuildDataset } from './rebuild-dataset.ts';
export { retrainWindow } from './retrain-window.ts';
export { streamRetrain } from './stream-retrain.ts';
export { runExperiment } from './run-experiment.ts';
export { runSearch } from './run-search.ts';
export { trackTraining } from './telling/track-training.ts';
export { trainModel } from './train-model.ts';
