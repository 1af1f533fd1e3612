/** What is wrong with a search before anything is trained: fields that do not exist, values that are refused. Pure. */
import { Document, LineCounter } from 'yaml';
import { runConfigSchema, type RunConfig } from '../../schemas/config/config.ts';
import { pretrainedOf } from '../../schemas/config/encoder-config.ts';
import type { FieldValue, SearchConfig } from '../../schemas/config/search.ts';
import { describeIssues, nearest, shown, type ConfigProblem, type Path } from '../config/config-problems.ts';
import { runIdOf } from '../config/run-id.ts';
import { canonicalJson } from '../training/training-spec.ts';
import { drawPoints, gridSize, probesOf, type Point } from './draw-points.ts';
import { rungsOf } from './halving.ts';
import { isRead, trialConfig, trialRun, trialsOf } from './trial-config.ts';

export interface SearchProblem {
  /** Within the search's file. */
  readonly path: Path;
  readonly text: string;
}

/** Fields that a search sets itself, or that change nothing. */
const CLOSED: Readonly<Record<string, string>> = {
  'training.methods': "is the search's own `methods`",
  'training.seeds': "is the search's own `seeds`",
  'training.encoder.pretrained': 'belongs in the base',
  'training.engine': 'does not change what is trained',
  'training.threads': 'does not change how well it is trained',
  'training.checkpoint': 'does not change what is trained',
  'training.watchTest': 'is always false in a search',
};

/** @param base the search's base with every default filled in */
export function searchProblems(config: SearchConfig, base: RunConfig): SearchProblem[] {
  const first = [...baseProblems(base), ...halvingProblems(config, base)];
  for (const method of config.methods) {
    const [problem] = problemsOf(trialConfig(config, method, {}));
    if (problem !== undefined) first.push({ path: ['methods'], text: `${method}: ${told(problem)}` });
  }
  if (first.length > 0) return first;
  const fields = Object.keys(config.space).flatMap((field) => {
    const text = fieldProblem(config, base, field);
    return text === undefined ? [] : [{ path: ['space', field], text }];
  });
  const second = [...fields, ...sizeProblems(config)];
  return second.length > 0 ? second : trialProblems(config, base);
}

function baseProblems({ dataset }: RunConfig): SearchProblem[] {
  // A table may bring a validation split of its own.
  return dataset.validationShare === 0 && dataset.format !== 'csv'
    ? [{ path: ['base'], text: 'has no validation split to choose by: dataset.validationShare is 0' }]
    : [];
}

function sizeProblems({ space, trials }: SearchConfig): SearchProblem[] {
  const size = gridSize(space);
  if (size === undefined || size >= trials) return [];
  const text = `the space has ${String(size)} points only, and ${String(trials)} are to be drawn: set it to ${String(size)}, or widen the space`;
  return [{ path: ['trials'], text }];
}

function halvingProblems(config: SearchConfig, { training }: RunConfig): SearchProblem[] {
  const { halving } = config;
  if (halving === undefined) return [];
  if (halving.minEpochs > training.epochs) {
    const text = `is ${String(halving.minEpochs)}, and the base trains for ${String(training.epochs)} epochs`;
    return [{ path: ['halving', 'minEpochs'], text }];
  }
  const shortest = rungsOf(config, training.epochs)[0]!.epochs;
  const warmup = training.schedule.name === 'cosine' ? training.schedule.warmupEpochs : 0;
  if (warmup < shortest) return [];
  const text = `the shortest trainings have ${String(shortest)} epochs, and the base's training.schedule.warmupEpochs is ${String(warmup)}: raise the one, or lower the other (warmupSteps is finer)`;
  return [{ path: ['halving'], text }];
}

function fieldProblem(config: SearchConfig, base: RunConfig, field: string): string | undefined {
  const [top, second] = field.split('.');
  if (top !== 'training' || second === undefined) return notInTraining(field, base);
  for (const [closed, why] of Object.entries(CLOSED)) {
    if (field === closed || field.startsWith(`${closed}.`)) return `${why}: leave it out`;
  }
  if (config.halving !== undefined && field === 'training.epochs') {
    return 'is what halving sets: leave one of the two out';
  }
  const readers = config.methods.filter((method) => isRead(field, method));
  const [method = config.methods[0]!] = readers;
  const around = groupsAround(config, field);
  const runs = new Set<string>();
  for (const value of probesOf(config.space[field]!)) {
    const values = { ...around, [field]: value };
    const [problem] = problemsOf(trialConfig(config, method, values));
    if (problem !== undefined) return refusal(problem, field, value, base);
    const run = trialRun(config, method, values);
    if (!sameWeights(run, base)) return 'weights to start from belong in the base, where their file is found';
    runs.add(runIdOf(run));
  }
  if (readers.length === 0) return `none of ${config.methods.join(', ')} reads it: leave it out`;
  return runs.size === 1 ? 'its values make no difference: leave it out' : undefined;
}

/** None, as an encoder of another kind has, or those of the base. */
function sameWeights({ training }: RunConfig, base: RunConfig): boolean {
  const own = pretrainedOf(training.encoder);
  return (
    Object.keys(own).length === 0 || canonicalJson(own) === canonicalJson(pretrainedOf(base.training.encoder))
  );
}

/** A field within a group that is itself drawn is tried out within the first of those groups. */
function groupsAround({ space }: SearchConfig, field: string): Point {
  const around = Object.entries(space).filter(([other]) => field.startsWith(`${other}.`));
  return Object.fromEntries(
    around.flatMap(([other, dimension]) => {
      const first = probesOf(dimension).find((value) => value !== null);
      return first === undefined ? [] : [[other, first]];
    }),
  );
}

function notInTraining(field: string, base: RunConfig): string {
  const near = namesakes(field, base)[0];
  if (near !== undefined) return `there is no such field; did you mean "${near}"?`;
  const top = field.split('.')[0]!;
  return nearest(top, ['training']) === undefined
    ? 'a search varies fields of training only: its trials share their clips, features and how they are judged'
    : `there is no such field; did you mean "${['training', ...field.split('.').slice(1)].join('.')}"?`;
}

function refusal(problem: ConfigProblem, field: string, value: FieldValue, base: RunConfig): string {
  if (problem.field !== field) return `with ${shown(value)}: ${told(problem)}`;
  if (!problem.text.startsWith('there is no such field; allowed')) return problem.text;
  const near = namesakes(field, base)[0];
  return near === undefined ? problem.text : `there is no such field; did you mean "${near}"?`;
}

/** Fields of training elsewhere that end in the same name, or in one that it may be a misspelling of. */
function namesakes(field: string, { training }: RunConfig): string[] {
  const name = field.split('.').at(-1)!;
  const all = leaves(training, 'training');
  const named = (leaf: string) => leaf.split('.').at(-1)!;
  const same = all.filter((leaf) => named(leaf) === name);
  if (same.length > 0) return same;
  const near = nearest(name, all.map(named));
  return all.filter((leaf) => named(leaf) === near);
}

function leaves(value: unknown, path: string): string[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, below]) => leaves(below, `${path}.${key}`));
}

/** Every training that there may be is one that the schema takes. */
function trialProblems(config: SearchConfig, { training }: RunConfig): SearchProblem[] {
  const lengths = config.halving === undefined ? [undefined] : rungsOf(config, training.epochs);
  for (const method of config.methods) {
    for (const { trial, values } of trialsOf(config, method)) {
      for (const length of lengths) {
        const [problem] = problemsOf(trialConfig(config, method, values, length?.epochs));
        if (problem === undefined) continue;
        const point = Object.entries(drawPoints(config.space, config.seed, trial)[trial - 1]!);
        const where = point.map(([field, value]) => `${field} ${shown(value)}`).join(', ');
        const long = length === undefined ? '' : `, ${String(length.epochs)} epochs`;
        const text = `trial ${String(trial)} (${method}${long}; ${where}) is refused: ${told(problem)}`;
        return [{ path: ['space'], text }];
      }
    }
  }
  return [];
}

function problemsOf(value: unknown): ConfigProblem[] {
  const parsed = runConfigSchema.safeParse(value);
  if (parsed.success) return [];
  return describeIssues(parsed.error.issues, {
    value,
    document: new Document({}),
    lines: new LineCounter(),
    settings: [],
    schema: runConfigSchema,
  });
}

function told({ field, text }: ConfigProblem): string {
  return `${field}: ${text}`;
}
