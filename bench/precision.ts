/**
 * What bfloat16 does to accuracy: the embedded data's config by both precisions, over seeds.
 *
 *     npx tsx bench/precision.ts [--seeds 3] [--methods joint,b-mm] [--folder /tmp/precision] [--limit-s 200]
 *
 * Trainings that are in the folder already are not done again; with a limit it stops before one that would come after.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig } from '../pipelines/config/load-config.ts';
import { generateDigits } from '../pipelines/datasets/digits/generate-digits.ts';
import { createExtractor } from '../pipelines/extraction/create-extractor.ts';
import { openStore } from '../pipelines/store/open-store.ts';
import { runTraining } from '../pipelines/training/run-training.ts';
import { trainingSpecs } from '../pipelines/training/training-spec.ts';
import type { RunConfig } from '../schemas/config/config.ts';
import { methodSchema } from '../schemas/config/methods.ts';
import { precisionSchema } from '../schemas/config/training-config.ts';
import { publishDataset } from './harness/publish-dataset.ts';

const DEMO = fileURLToPath(new URL('../configs/demo.yaml', import.meta.url));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '3' },
      methods: { type: 'string', default: 'joint,b-mm' },
      folder: { type: 'string', default: join(tmpdir(), 'modalmix-precision') },
      'limit-s': { type: 'string', default: 'Infinity' },
    },
  });
  const endMs = performance.now() + 1_000 * Number(values['limit-s']);
  const methods = values.methods.split(',').map((name) => methodSchema.parse(name));
  const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
  const demo = await loadConfig(DEMO);
  const storeUri = `file:${join(values.folder, 'store')}`;
  const manifest = await publishDigits(demo, values.folder, storeUri);
  print(
    `| method | precision | accuracy of the test clips, %: mean ± deviation (each seed) |\n| --- | --- | --- |`,
  );
  for (const method of methods) {
    for (const precision of precisionSchema.options) {
      const accuracies: number[] = [];
      for (const seed of seeds) {
        if (performance.now() > endMs) return;
        const training = { ...demo.training, methods: [method], seeds: [seed], precision };
        const { last } = await runTraining({
          storeUri,
          spec: trainingSpecs({ ...demo, training }, manifest)[0]!,
        });
        accuracies.push(100 * last.test!.fused);
      }
      print(`| ${method} | ${precision} | ${describe(accuracies)} |`);
    }
  }
}

async function publishDigits(demo: RunConfig, folder: string, storeUri: string) {
  const { dataset, extraction } = demo;
  if (dataset.format !== 'digits') throw new Error('the demo is of digits');
  const digits = { ...dataset, root: join(folder, 'clips') };
  await generateDigits(digits);
  const extractor = await createExtractor((text) => process.stderr.write(`${text}\n`));
  return await publishDataset(
    openStore(storeUri),
    { name: 'digits', dataset: digits, extraction },
    extractor,
  );
}

function describe(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, values.length - 1));
  const each = values.map((value) => value.toFixed(1)).join(', ');
  return `${mean.toFixed(1)} ± ${deviation.toFixed(1)} (${each})`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
