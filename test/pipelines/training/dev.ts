import { publishTinyDataset, tinySpec } from './tiny-dataset.ts';
import { copyOfDataset, trainSteps } from './tiny-training.ts';
import { tf } from '../../../pipelines/training/tensorflow.ts';
const dataset = await publishTinyDataset();
for (const method of process.argv.slice(2)) {
const store = await copyOfDataset(dataset);
const t0 = performance.now();
let last = t0;
const result = await trainSteps(store, tinySpec(dataset, method as 'joint', JSON.parse(process.env['CHANGES'] ?? '{}')), Infinity, () => { const now = performance.now(); process.stdout.write(`${(now - last).toFixed(0)} ms, ${tf.memory().numTensors} tensors\n`); last = now; });
console.log(method, result.last.loss, result.model.sha256.slice(0, 8), JSON.stringify(result.environment), (performance.now() - t0).toFixed(0));
}
