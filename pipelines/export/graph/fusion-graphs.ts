/**
 * The fusions as nodes of a graph, in testing mode: the formulas of `training/fusion/`, with a number for each clip and
 * modality in place of what is known there of a whole batch. One function a fusion, one line in the table.
 */
import { ModalmixError } from '../../../schemas/errors.ts';
import type { Modality } from '../../../schemas/modality.ts';
import type { NamedFusion } from '../../training/model/fusion/index.ts';
import { ABSENT } from '../../training/model/fusion/shared-head.ts';
import { SHORTEST } from '../../engine/kernels/unit-length.ts';
import type { Graph, Ref } from './graph.ts';
import type { Weights } from '../weights.ts';

export interface FusionInput {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly modalities: readonly Modality[];
  readonly featureSize: number;
  readonly classes: number;
  readonly settings: NonNullable<NamedFusion['settings']>;
  /** z_u [N, D], zero where the clip lacks the modality. */
  readonly feature: (modality: Modality) => Ref;
  /** [N, 1]: 1 where the clip has the modality, else 0. */
  readonly present: (modality: Modality) => Ref;
}

export interface FusedRefs {
  /** [N, K] */
  readonly logits: Ref;
  /** The unimodal logits [N, K]; adds nodes, so it is called once a modality. */
  readonly branch: (modality: Modality) => Ref;
}

type FusionGraph = (input: FusionInput) => FusedRefs;

/** @throws ModalmixError `config` when the fusion has no graph */
export function fusionGraph(fusion: NamedFusion, input: FusionInput): FusedRefs {
  const create = FUSION_GRAPHS[fusion.name];
  if (create !== undefined) return create(input);
  throw new ModalmixError(
    'config',
    `a model with the fusion "${fusion.name}" cannot be exported as a graph`,
    {
      fix: 'Export its weights: --format safetensors.',
    },
  );
}

const FUSION_GRAPHS: Readonly<Record<string, FusionGraph>> = {
  concat: concatGraph,
  sum: sumGraph,
  film: filmGraph,
  gated: gatedGraph,
  late: lateGraph,
  cosine: cosineGraph,
  'shared-head': sharedHeadGraph,
};

/** x W + b, with the parameters `<name>.weight` and `<name>.bias`. */
export function linearGraph(graph: Graph, weights: Weights, at: string, x: Ref, name: string): Ref {
  return linear(graph, at, x, weights(`${name}.weight`), weights(`${name}.bias`).values);
}

interface Matrix {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function linear(graph: Graph, at: string, x: Ref, { shape, values }: Matrix, bias: Float32Array): Ref {
  const product = graph.matMul(at, x, graph.constant(`${at}/weight`, shape, values));
  return graph.bias(`${at}/bias-add`, product, graph.constant(`${at}/bias`, [bias.length], bias));
}

/** Rows `from`… of a matrix, `rows` of them. */
function rowsOf({ shape, values }: Matrix, from: number, rows: number): Matrix {
  const columns = shape[1]!;
  return { shape: [rows, columns], values: values.slice(from * columns, (from + rows) * columns) };
}

function columnsOf({ shape, values }: Matrix, from: number, columns: number): Matrix {
  const [rows, all] = shape as [number, number];
  const cut = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    cut.set(values.subarray(row * all + from, row * all + from + columns), row * columns);
  }
  return { shape: [rows, columns], values: cut };
}

/** How many of `among` a clip has, [N, 1]; at least 1 with `atLeastOne`. */
function countOf({ graph, present }: FusionInput, at: string, among: readonly Modality[]): Ref {
  return graph.sum(at, among.map(present));
}

function atLeastOne(graph: Graph, at: string, count: Ref): Ref {
  return graph.maximum(at, count, graph.scalar(`${at}/one`, 1));
}

/** |U| / (number present), [N, 1] */
function completion(input: FusionInput): Ref {
  const { graph, modalities } = input;
  const count = atLeastOne(graph, 'fusion/present', countOf(input, 'fusion/count', modalities));
  return graph.divide('fusion/completion', graph.scalar('fusion/modalities', modalities.length), count);
}

function concatGraph(input: FusionInput): FusedRefs {
  const { graph, weights, modalities, featureSize, feature } = input;
  const weight = weights('fusion.classifier.weight');
  const bias = weights('fusion.classifier.bias').values;
  const joined =
    modalities.length === 1
      ? feature(modalities[0]!)
      : graph.concat('fusion/joined', modalities.map(feature));
  const fused = graph.multiply('fusion/fused', joined, completion(input));
  return {
    logits: linear(graph, 'fusion/classifier', fused, weight, bias),
    branch: (modality) =>
      linear(
        graph,
        `fusion/branch/${modality}`,
        feature(modality),
        rowsOf(weight, modalities.indexOf(modality) * featureSize, featureSize),
        bias.map((one) => one / modalities.length),
      ),
  };
}

/** A linear layer over each modality's feature, each made once. @param name of its parameters */
function linearOfEach(
  { graph, weights, modalities, feature }: FusionInput,
  at: string,
  name: (modality: Modality) => string,
): (modality: Modality) => Ref {
  const refs = new Map(
    modalities.map((modality) => [
      modality,
      linearGraph(graph, weights, `${at}/${modality}`, feature(modality), name(modality)),
    ]),
  );
  return (modality) => refs.get(modality)!;
}

/** Classifiers of the modalities' own. */
function ownClassifiers(input: FusionInput): (modality: Modality) => Ref {
  return linearOfEach(input, 'fusion/classifier', (modality) => `fusion.classifier.${modality}`);
}

function sumGraph(input: FusionInput): FusedRefs {
  const { graph, modalities, present } = input;
  const branch = ownClassifiers(input);
  const scale = completion(input);
  const terms = modalities.map((modality) => {
    const share = graph.multiply(`fusion/share/${modality}`, present(modality), scale);
    return graph.multiply(`fusion/term/${modality}`, branch(modality), share);
  });
  return { logits: graph.sum('fusion/logits', terms), branch };
}

function lateGraph(input: FusionInput): FusedRefs {
  const { graph, modalities, present } = input;
  const branch = ownClassifiers(input);
  const count = atLeastOne(graph, 'fusion/present', countOf(input, 'fusion/count', modalities));
  const weighted = modalities.map((modality) => {
    const share = graph.divide(`fusion/share/${modality}`, present(modality), count);
    const probabilities = graph.softmax(`fusion/probabilities/${modality}`, branch(modality));
    return graph.multiply(`fusion/term/${modality}`, probabilities, share);
  });
  const mean = graph.sum('fusion/mean', weighted);
  const positive = graph.add('fusion/positive', mean, graph.scalar('fusion/smallest', 1e-30));
  return { logits: graph.log('fusion/logits', positive), branch };
}

function filmGraph(input: FusionInput): FusedRefs {
  const { graph, weights, modalities, featureSize, feature, present } = input;
  const [first, ...others] = modalities as [Modality, ...Modality[]];
  const modulator = weights('fusion.modulator.weight');
  const shift = weights('fusion.modulator.bias').values;
  const part = (name: string, from: number) =>
    linear(
      graph,
      `fusion/${name}`,
      feature(first),
      columnsOf(modulator, from, featureSize),
      shift.slice(from, from + featureSize),
    );
  const beta = part('beta', featureSize);
  const hasFirst = present(first);
  let fused = graph.multiply('fusion/offset', beta, hasFirst);
  if (others.length > 0) {
    const count = atLeastOne(graph, 'fusion/present', countOf(input, 'fusion/count', others));
    const content = graph.divide('fusion/content', graph.sum('fusion/others', others.map(feature)), count);
    const lacksFirst = graph.subtract('fusion/lacks-first', graph.scalar('fusion/one', 1), hasFirst);
    const gamma = graph.multiply('fusion/gamma-or-zero', part('gamma', 0), hasFirst);
    const scale = graph.add('fusion/scale', gamma, lacksFirst);
    fused = graph.add('fusion/fused', graph.multiply('fusion/scaled', scale, content), fused);
  }
  const classify = (at: string, x: Ref) => linearGraph(graph, weights, at, x, 'fusion.classifier');
  return {
    logits: classify('fusion/classifier', fused),
    branch: (modality) =>
      classify(`fusion/branch/${modality}`, modality === first ? beta : feature(modality)),
  };
}

function gatedGraph(input: FusionInput): FusedRefs {
  const { graph, weights, modalities, present } = input;
  const [first, ...others] = modalities as [Modality, ...Modality[]];
  const hidden = linearOfEach(input, 'fusion/hidden', (modality) => `fusion.hidden.${modality}`);
  const gating = hidden(first);
  const one = graph.scalar('fusion/one', 1);
  let fused = gating;
  if (others.length > 0) {
    const count = countOf(input, 'fusion/count', others);
    const hasOthers = graph.minimum('fusion/has-others', count, one);
    const alone = graph.multiply(
      'fusion/alone',
      gating,
      graph.subtract('fusion/lacks-others', one, hasOthers),
    );
    const divisor = atLeastOne(graph, 'fusion/present', count);
    const contents = others.map((modality) => {
      const share = graph.divide(`fusion/share/${modality}`, present(modality), divisor);
      return graph.multiply(`fusion/content/${modality}`, hidden(modality), share);
    });
    const lacksFirst = graph.subtract('fusion/lacks-first', one, present(first));
    const opened = graph.multiply('fusion/opened', graph.sigmoid('fusion/sigmoid', gating), present(first));
    const gate = graph.add('fusion/gate', opened, lacksFirst);
    const content = graph.sum('fusion/content', contents);
    fused = graph.add('fusion/fused', alone, graph.multiply('fusion/gated', gate, content));
  }
  const classify = (at: string, x: Ref) => linearGraph(graph, weights, at, x, 'fusion.classifier');
  return {
    logits: classify('fusion/classifier', fused),
    branch: (modality) => classify(`fusion/branch/${modality}`, hidden(modality)),
  };
}

function cosineGraph(input: FusionInput): FusedRefs {
  const { graph, weights, modalities, feature, present, settings } = input;
  const scale = Number(settings['scale']);
  const completed = completion(input);
  const branches = new Map(
    modalities.map((modality) => {
      const at = `fusion/${modality}`;
      const z = feature(modality);
      const squared = graph.sumOver(`${at}/squared-length`, graph.square(`${at}/square`, z), [1], true);
      const least = graph.scalar(`${at}/shortest`, SHORTEST ** 2);
      const length = graph.squareRoot(`${at}/length`, graph.maximum(`${at}/bounded`, squared, least));
      const direction = graph.divide(`${at}/direction`, z, length);
      const { shape, values } = scaledColumns(weights(`fusion.classifier.${modality}.weight`), scale);
      return [
        modality,
        graph.matMul(`${at}/term`, direction, graph.constant(`${at}/weight`, shape, values)),
      ] as const;
    }),
  );
  const terms = modalities.map((modality) => {
    const share = graph.multiply(`fusion/${modality}/share`, present(modality), completed);
    return graph.multiply(`fusion/${modality}/shared`, branches.get(modality)!, share);
  });
  return { logits: graph.sum('fusion/logits', terms), branch: (modality) => branches.get(modality)! };
}

/** Columns of length `scale`. */
function scaledColumns({ shape, values }: Matrix, scale: number): Matrix {
  const [rows, columns] = shape as [number, number];
  const factors = Float64Array.from({ length: columns }, (_, k) => {
    let squared = 0;
    for (let row = 0; row < rows; row += 1) squared += values[row * columns + k]! ** 2;
    return scale / Math.sqrt(Math.max(squared, SHORTEST ** 2));
  });
  return { shape, values: values.map((value, at) => value * factors[at % columns]!) };
}

function sharedHeadGraph(input: FusionInput): FusedRefs {
  const { graph, modalities, present, settings } = input;
  const branch = linearOfEach(input, 'fusion/classifier', () => 'fusion.classifier');
  const one = graph.scalar('fusion/one', 1);
  const absent = graph.scalar('fusion/absent', ABSENT);
  const certainties = modalities.map((modality) => {
    const at = `fusion/${modality}`;
    const lacks = graph.subtract(`${at}/lacks`, one, present(modality));
    const penalty = graph.multiply(`${at}/penalty`, lacks, absent);
    if (settings['weighting'] === 'mean') return penalty;
    const logits = branch(modality);
    const information = graph.multiply(
      `${at}/information`,
      graph.softmax(`${at}/probabilities`, logits),
      graph.logSoftmax(`${at}/log-probabilities`, logits),
    );
    // Minus the entropy.
    return graph.add(`${at}/certainty`, penalty, graph.sumOver(`${at}/sum`, information, [1], true));
  });
  const shares = graph.softmax('fusion/shares', graph.concat('fusion/certainties', certainties));
  const terms = modalities.map((modality, at) =>
    graph.multiply(
      `fusion/${modality}/term`,
      branch(modality),
      graph.column(`fusion/${modality}/share`, shares, at),
    ),
  );
  return { logits: graph.sum('fusion/logits', terms), branch };
}
