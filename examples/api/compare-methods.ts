/**
 * Trains two methods on a folder of clips and looks at what came of it.
 *
 *     node compare-methods.ts <folder of clips> [<store>]
 */
import {
  defineConfig,
  openDataset,
  openStore,
  predict,
  readMetrics,
  readRun,
  run,
  type DatasetRow,
} from 'modalmix';

const [clips = 'clips', storeUri = 'file:.modalmix/store'] = process.argv.slice(2);

const config = defineConfig({
  name: 'compare',
  store: storeUri,
  dataset: { format: 'folder', root: clips },
  extraction: {
    audio: { sampleRateHz: 8_000, nFft: 128, hop: 64, durationS: 1 },
    video: { frames: 1, shortSide: 32 },
  },
  training: {
    methods: ['joint', 'b-mm'],
    epochs: 6,
    batchSize: 4,
    encoder: { width: 4 },
    cropPx: 32,
    optimizer: { name: 'adam', learningRate: 0.003 },
    schedule: { name: 'constant' },
  },
});

const job = await run(config);
for await (const { stages } of job) {
  const { label, done, total } = stages.find(({ state }) => state === 'running') ?? {};
  if (label !== undefined) console.log(`${label}: ${String(done)} of ${String(total)}`);
}
const { runId, dataset, scores, page } = await job.result();
for (const { method, accuracy } of scores.rows)
  console.log(`${method}: accuracy ${accuracy.mean.toFixed(3)}`);

const store = openStore(job.store);
const { trainings } = await readRun(store, runId);
for (const { trainingId, method } of trainings) {
  const losses = (await readMetrics(store, trainingId)).map(({ loss }) => loss.toFixed(3));
  console.log(`${method}: loss by epoch ${losses.join(' ')}`);
}

const rows: DatasetRow[] = [];
for await (const row of (await openDataset(store, dataset)).rows('test')) rows.push(row);
const [first] = rows;
console.log(
  `${String(rows.length)} test clips; ${first?.clipId ?? ''} has ${String(first?.audio?.shape)} audio`,
);

const { facts, predictions } = await predict([clips], { store: job.store, run: runId, method: 'b-mm' });
const named = predictions.flatMap((one) => {
  if ('problem' in one) return [];
  const { probabilities } = one.fused;
  const best = facts.classNames[probabilities.indexOf(Math.max(...probabilities))] ?? '';
  return [{ path: one.path, best }];
});
const right = named.filter(({ path, best }) => path.includes(`/${best}/`));
console.log(`b-mm names ${String(right.length)} of ${String(named.length)} clips rightly`);
console.log(`report: ${page}`);
