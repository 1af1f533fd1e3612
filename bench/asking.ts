/**
 * Is a person's label worth more where the stream asks for it? The embedded digits: a first model, then as many new labels
 * once of clips that `modalmix.review` would ask about, once of clips drawn at random; the model is trained anew with each.
 *
 *     npx tsx bench/asking.ts [--seeds 5] [--labelled 180] [--share 0.2] [--folder /tmp/asking]
 *
 * Trainings that are in the folder already are not done again. Asked is by `uncertain` and `disagreement`; `far` needs
 * features, which are not written here.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig } from '../pipelines/config/load-config.ts';
import { listClips } from '../pipelines/datasets/index-dataset.ts';
import { createExtractor } from '../pipelines/extraction/create-extractor.ts';
import { answerScores } from '../pipelines/prediction/stream/answer-scores.ts';
import { ReviewSelector } from '../pipelines/prediction/stream/review-selector.ts';
import { runPrediction } from '../pipelines/prediction/run-prediction.ts';
import { randomGenerator } from '../pipelines/random/generator.ts';
import { meanInterval } from '../pipelines/statistics/intervals.ts';
import { openStore } from '../pipelines/store/open-store.ts';
import { runTraining } from '../pipelines/training/run-training.ts';
import { trainingSpecs } from '../pipelines/training/training-spec.ts';
import { reviewConfigSchema } from '../schemas/config/answer-config.ts';
import type { RunConfig } from '../schemas/config/config.ts';
import { datasetConfigSchema } from '../schemas/config/dataset-config.ts';
import type { ClipPrediction } from '../schemas/prediction.ts';
import type { TrainingSpec } from '../schemas/training.ts';
import { publishDataset } from './harness/publish-dataset.ts';

const DEMO = fileURLToPath(new URL('../configs/stream-demo.yaml', import.meta.url));
const TRAIN_CLIPS = 600;
const TEST_CLIPS = 400;

interface Clip {
  readonly path: string;
  readonly label: string;
  readonly split: string;
  readonly group: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '5' },
      labelled: { type: 'string', default: '180' },
      share: { type: 'string', default: '0.2' },
      folder: { type: 'string', default: join(tmpdir(), 'modalmix-asking') },
    },
  });
  const bench = new Asking(await loadConfig(DEMO), values.folder, Number(values.share));
  const clips = await bench.clips();
  const test = clips.filter(({ split }) => split === 'test');
  const drawn: number[] = [];
  const asked: number[] = [];
  print(
    '| seed | labels asked for | first model, % | + drawn at random | + asked for |\n| --- | --- | --- | --- | --- |',
  );
  for (let seed = 0; seed < Number(values.seeds); seed += 1) {
    const order = inRandomOrder(
      clips.filter(({ split }) => split === 'train'),
      seed,
    );
    const labelled = order.slice(0, Number(values.labelled));
    const pool = order.slice(labelled.length);
    const first = await bench.train(seed, 'first', [...labelled, ...test]);
    const questions = await bench.ask(first.spec, pool);
    const random = await bench.train(seed, 'random', [
      ...labelled,
      ...pool.slice(0, questions.length),
      ...test,
    ]);
    const chosen = await bench.train(seed, 'asked', [...labelled, ...questions, ...test]);
    drawn.push(random.accuracy);
    asked.push(chosen.accuracy);
    const cells = [first, random, chosen].map(({ accuracy }) => accuracy.toFixed(1));
    print(`| ${[String(seed), String(questions.length), ...cells].join(' | ')} |`);
  }
  const differences = asked.map((value, place) => value - drawn[place]!);
  const [low, high] = meanInterval(differences) ?? [NaN, NaN];
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  print(`\nasked − random: ${mean.toFixed(1)} points (95 %: ${low.toFixed(1)} … ${high.toFixed(1)})`);
}

class Asking {
  readonly #config: RunConfig;
  readonly #folder: string;
  readonly #share: number;

  constructor(config: RunConfig, folder: string, share: number) {
    this.#config = config;
    this.#folder = folder;
    this.#share = share;
  }

  async clips(): Promise<Clip[]> {
    const root = join(this.#folder, 'clips');
    const digits = { ...this.#config.dataset, root, trainClips: TRAIN_CLIPS, testClips: TEST_CLIPS };
    const { clips, classNames } = await listClips(datasetConfigSchema.parse(digits));
    return clips.map(({ path, label, split, group }) => ({
      ...{ path, label: classNames[label]!, group: group ?? '' },
      split: split === 'test' ? 'test' : 'train',
    }));
  }

  async train(
    seed: number,
    arm: string,
    clips: readonly Clip[],
  ): Promise<{ spec: TrainingSpec; accuracy: number }> {
    const manifest = await this.#publish(`asking-${String(seed)}-${arm}`, clips);
    const training = { ...this.#config.training, seeds: [seed] };
    const [spec] = trainingSpecs({ ...this.#config, training }, manifest);
    const { last } = await runTraining({ storeUri: this.#storeUri, spec: spec! });
    return { spec: spec!, accuracy: 100 * last.test!.fused };
  }

  /** In the order of the clips, as a partition has them. @returns those that a person would be asked about */
  async ask(spec: TrainingSpec, clips: readonly Clip[]): Promise<Clip[]> {
    const reasons: ('uncertain' | 'disagreement')[] = ['uncertain', 'disagreement'];
    const rules = reviewConfigSchema.parse({ share: this.#share, reasons });
    const selector = new ReviewSelector(rules);
    const answers: ClipPrediction[] = [];
    await runPrediction({
      ...{
        storeUri: this.#storeUri,
        chosen: { spec, weights: 'last' },
        files: clips.map(({ path }) => path),
      },
      onFacts: () => undefined,
      onPrediction: (prediction) => answers.push(prediction),
    });
    return clips.filter((_, place) => {
      const answer = answers[place]!;
      if ('problem' in answer) return false;
      const branches = Object.values(answer.branches).flatMap((branch) =>
        branch === undefined ? [] : [branch.probabilities],
      );
      const scores = answerScores(answer.fused.probabilities, branches, undefined);
      const isAsked = selector.reasonsFor(scores).length > 0;
      selector.add(scores, isAsked);
      return isAsked;
    });
  }

  async #publish(name: string, clips: readonly Clip[]) {
    const file = join(this.#folder, `${name}.csv`);
    await mkdir(this.#folder, { recursive: true });
    const rows = clips.map(({ path, label, split, group }) => [path, label, split, group].join(','));
    await writeFile(file, ['path,label,split,group', ...rows, ''].join('\n'));
    const dataset = datasetConfigSchema.parse({ format: 'csv', file });
    const { extraction } = this.#config;
    const extractor = await createExtractor((text) => process.stderr.write(`${text}\n`));
    return await publishDataset(openStore(this.#storeUri), { name, dataset, extraction }, extractor);
  }

  get #storeUri(): string {
    return `file:${join(this.#folder, 'store')}`;
  }
}

function inRandomOrder<T>(items: readonly T[], seed: number): T[] {
  const random = randomGenerator(seed, 'asking');
  const left = [...items];
  return items.map(() => left.splice(random.integer(left.length), 1)[0]!);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
