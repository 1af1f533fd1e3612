import type { ExperimentSummary, Pair } from '../../../../schemas/config/experiment.ts';
import type { MethodName } from '../../../../schemas/config/methods.ts';
import { markup, type Html } from '../../../evaluation/report/html.ts';
import { factList, whole } from '../../../evaluation/report/sections/parts.ts';
import { datasetsOf, foldsOf } from '../../folds.ts';
import type { ExperimentPageInput } from '../page-input.ts';
import { mean } from './parts.ts';

const ALPHA = 0.05;

/** The experiment's name, its answer in words, and the facts one asks first. */
export function headerSection({ experimentId, config, summary }: ExperimentPageInput): Html {
  const { cells, datasets } = summary;
  const folds = datasetsOf(config)
    .flatMap(({ dataset, folds: given }) => foldsOf(dataset, given))
    .filter(({ fold }) => fold !== undefined).length;
  const [first = '', ...rest] = answer(summary, config.conditions[0]!.name);
  const facts: readonly (readonly [string, string])[] = [
    ['Methods', whole(config.methods.length)],
    ['Seeds', whole(config.seeds.length)],
    ['Datasets', datasets.map(({ name }) => name).join(', ')],
    ...(folds === 0 ? [] : [['Folds', whole(folds)] as const]),
    ['Test clips', datasets.map(({ testClips, groups }) => testClipsText(testClips, groups)).join(', ')],
    ['Trainings done', `${whole(cells.done)} of ${whole(cells.done + cells.failed + cells.missing)}`],
    ['Experiment', experimentId],
  ];
  return markup`<header>
    <p class="eyebrow">Modalmix experiment</p>
    <h1>${config.name}</h1>
    <p class="headline">${first}</p>
    ${rest.map((sentence) => markup`<p class="subline">${sentence}</p>`)}
    ${factList(facts, 'short')}
  </header>`;
}

function testClipsText(clips: number, groups: ExperimentSummary['datasets'][number]['groups']): string {
  return groups?.unit === 'group' ? `${whole(clips)} of ${whole(groups.count)} groups` : whole(clips);
}

/** Which method is best under the first condition, and how far that can be trusted. */
export function answer({ rows, pairs, cells }: ExperimentSummary, condition: string): string[] {
  const compared = rows.filter((row) => row.condition === condition);
  const methods = [...new Set(compared.map(({ method }) => method))];
  const ranked = methods
    .map((method) => ({
      method,
      accuracy: mean(compared.filter((row) => row.method === method).map((row) => row.accuracy.mean))!,
    }))
    .sort((a, b) => b.accuracy - a.accuracy);
  const best = ranked[0];
  if (best === undefined) return ['Nothing is trained yet.'];
  const beside = ranked
    .slice(1)
    .filter(({ method }) => !isTold(pairs, best.method, method))
    .map(({ method }) => method);
  const percent = (100 * best.accuracy).toFixed(1);
  const sentences = [`${best.method} has the highest mean test accuracy, ${percent} %.`];
  if (ranked.length > 1) {
    sentences.push(
      beside.length === 0
        ? 'Over the test clips, by speaker or source, it is told apart from every other method (5 %, corrected).'
        : beside.length === ranked.length - 1
          ? 'These test clips do not tell it apart from any other method (5 %, corrected).'
          : `These test clips do not tell it apart from ${beside.join(', ')} (5 %, corrected); from the others it is (${String(ranked.length - 1 - beside.length)}).`,
    );
  }
  if (cells.failed + cells.missing > 0) {
    sentences.push(`${String(cells.failed + cells.missing)} trainings are not done; see Runs.`);
  }
  return sentences;
}

function isTold(pairs: readonly Pair[], a: MethodName, b: MethodName): boolean {
  const pair = pairs.find(
    ({ first, second }) => (first === a && second === b) || (first === b && second === a),
  );
  return pair !== undefined && pair.groups.holm < ALPHA;
}
