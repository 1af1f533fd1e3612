/** `--dry-run`: what a command would find and do. No server is started, nothing is written. */
import { buildsOf, groupsOf } from '../../pipelines/experiments/matrix.ts';
import { loadExperiment } from '../../pipelines/experiments/load-experiment.ts';
import { resolveFolds } from '../../pipelines/experiments/resolve-folds.ts';
import { loadManifest } from '../../pipelines/shards/manifest/load-manifest.ts';
import { openStore } from '../../pipelines/store/open-store.ts';
import { methodWarnings } from '../../schemas/config/method-warnings.ts';
import { publishedDataset } from '../../runs/published-dataset.ts';
import { prepared, readTarget } from '../../runs/prepare-run.ts';
import type { TargetFlags } from '../../runs/run-workflows.ts';
import type { Screen } from '../../runs/screen.ts';
import { costText, dataOutlookText, shardsText, trainingsText } from '../text/dry-run-text.ts';
import { targetWords } from '../text/target-words.ts';
import { textTable } from '../text/text-table.ts';
import { expectedCost, type CostOutlook } from './cost-outlook.ts';
import { DataViewer, type DataOutlook } from './data-outlook.ts';
import { lookAtTrainings, type TrainingOutlook } from './training-outlook.ts';
import { oneLine } from '../../schemas/printable.ts';

const NOTHING_DONE = 'A dry run: nothing is started, nothing is written.\n';

/**
 * Of `run`, `rebuild` and `train`.
 * @throws ModalmixError as the command itself would, before it starts anything
 */
export async function dryRun(
  command: 'run' | 'rebuild' | 'train',
  target: string,
  flags: TargetFlags,
  screen: Screen,
): Promise<void> {
  screen.say(NOTHING_DONE);
  const { config, made } = await readTarget(target, flags.set);
  if (made?.existing === false) screen.say(`Config: ${made.file} would be written.\n`);
  const { runId, store } = prepared(config);
  if (command !== 'rebuild') {
    for (const warning of methodWarnings(config.training)) screen.say(`Mind: ${warning}`);
  }
  let data: DataOutlook | undefined;
  let version: string | undefined;
  let trainClips: number;
  if (command === 'train') {
    const dataset = await publishedDataset({ store, runId }, targetWords(target, flags.set));
    version = dataset.version;
    trainClips = (await loadManifest(store, dataset.name, version)).splits.train.rows;
    screen.say(
      `Data: ${dataset.name}, version ${version}, as it was built last; ${String(trainClips)} clips to train on.`,
    );
  } else {
    data = await new DataViewer().look(config, store);
    version = data.shards?.version;
    trainClips = data.splits.train;
    screen.say(`${dataOutlookText(data)}\n\n${shardsText(data)}`);
  }
  const trainings = command === 'rebuild' ? [] : await lookAtTrainings(config, version, store);
  if (command !== 'rebuild') screen.say(`\n${trainingsText(trainings)}`);
  const cost = await expectedCost(config, store, data, trainings, trainClips);
  screen.say(`\n${costText(cost, store.uri)}`);
  screen.event('dry-run', {
    command,
    runId,
    store: store.uri,
    data,
    trainings: trainings.map(factsOf),
    cost,
  });
}

/** Of `experiment`. */
export async function dryRunExperiment(file: string, flags: TargetFlags, screen: Screen): Promise<void> {
  screen.say(NOTHING_DONE);
  const config = await resolveFolds(await loadExperiment(file, flags.set));
  const store = openStore(config.base.store);
  const groups = groupsOf(config);
  for (const warning of methodWarnings({ ...config.base.training, methods: config.methods })) {
    screen.say(`Mind: ${warning}`);
  }
  const { builds, buildOf } = buildsOf(groups);
  const viewer = new DataViewer();
  const looked: DataOutlook[] = [];
  for (const [place] of builds.entries()) {
    const first = groups.find((group) => buildOf(group) === place)!;
    looked.push(await viewer.look(first.config, store));
  }
  screen.say(
    textTable({
      header: ['dataset', 'train', 'validation', 'test', 'shards', 'to build', 'to extract'],
      rows: looked.map(({ splits, shards, clips }, place) => [
        builds[place]!.name,
        ...[splits.train, splits.validation, splits.test].map(String),
        ...(shards === undefined
          ? ['?', '?', clips]
          : [shards.shards, shards.toBuild, shards.clipsToExtract]
        ).map(String),
      ]),
    }),
  );
  const odd = [...new Set(looked.flatMap((data) => data.odd))];
  if (odd.length > 0) screen.say(`Odd:\n${odd.map((line) => `  ${oneLine(line)}`).join('\n')}`);
  const trainings = new Map<string, TrainingOutlook>();
  const costs: CostOutlook[] = [];
  const counted = new Set<number>();
  for (const group of groups) {
    const place = buildOf(group);
    const data = looked[place]!;
    const found = await lookAtTrainings(group.config, data.shards?.version, store);
    const fresh = found.filter(({ spec }) => !trainings.has(spec.trainingId));
    for (const one of fresh) trainings.set(one.spec.trainingId, one);
    const extracted = counted.has(place) ? undefined : data;
    counted.add(place);
    costs.push(await expectedCost(group.config, store, extracted, fresh, data.splits.train));
  }
  const all = [...trainings.values()];
  const cost = sumOf(costs);
  screen.say(`\n${trainingsText(all)}\n\n${costText(cost, store.uri)}`);
  screen.event('dry-run', {
    command: 'experiment',
    store: store.uri,
    data: looked,
    trainings: all.map(factsOf),
    cost,
  });
}

function factsOf({ spec, state, step, neededBy }: TrainingOutlook) {
  const { trainingId, method, seed } = spec;
  return { trainingId, method, seed, state, step, neededBy };
}

function sumOf(costs: readonly CostOutlook[]): CostOutlook {
  const sum = (of: (cost: CostOutlook) => number) => costs.reduce((all, cost) => all + of(cost), 0);
  return {
    extractionS: sum(({ extractionS }) => extractionS),
    trainingS: sum(({ trainingS }) => trainingS),
    shardBytes: sum(({ shardBytes }) => shardBytes),
    trainingBytes: sum(({ trainingBytes }) => trainingBytes),
    from: [...new Set(costs.flatMap(({ from }) => from))],
  };
}
