/** The whole inference of a trained model as one graph: columns of a shard in, logits and probabilities out. */
import type { Modality } from '../../../schemas/modality.ts';
import type { PixelScale } from '../../training/data/pictures/render-view.ts';
import { planEncoder } from '../../training/model/encoders/index.ts';
import type { EncoderConfig } from '../../../schemas/config/encoder-config.ts';
import type { NamedFusion } from '../../training/model/fusion/index.ts';
import { encoderGraph } from './encoder-graph.ts';
import { fusionGraph, linearGraph } from './fusion-graphs.ts';
import { Graph, type Ref } from './graph.ts';
import type { Weights } from '../weights.ts';

export interface ModelGraphInput {
  readonly modalities: readonly Modality[];
  readonly encoder: EncoderConfig;
  readonly fusion: NamedFusion;
  /** Of classifiers of the method's own that judge a modality alone; absent: the fusion's. */
  readonly heads: string | undefined;
  readonly classes: number;
  readonly weights: Weights;
  /** [F, H, W, C] of a clip in each modality: the inputs' shape, but audio's, which is [H, W]. */
  readonly shapeOf: (modality: Modality) => readonly [number, number, number, number];
  readonly scaleOf: (modality: Modality) => PixelScale;
}

export interface ModelGraph {
  readonly graph: Graph;
  /** Inputs by name, with their shapes; −1 is the number of clips. */
  readonly inputs: ReadonlyMap<string, readonly number[]>;
  /** The input that may be left out: `present` [N, U], 1 where a clip has the modality, else 0. */
  readonly optional: { readonly name: string; readonly shape: readonly number[] };
  /** All [N, K]. */
  readonly outputs: readonly string[];
}

/** Name of an output. */
export const outputName = (head: Modality | 'fused', what: 'logits' | 'probabilities'): string =>
  `${head}_${what}`;

export const PRESENT = 'present';

/** @throws ModalmixError `config` when the fusion has no graph */
export function modelGraph(input: ModelGraphInput): ModelGraph {
  const { modalities, encoder, fusion, heads, classes, weights } = input;
  const graph = new Graph();
  const inputs = new Map<string, readonly number[]>();
  const everything = graph.constant(
    `${PRESENT}/default`,
    [1, modalities.length],
    new Float32Array(modalities.length).fill(1),
  );
  const presentShape = [-1, modalities.length];
  const presence = graph.optionalInput(PRESENT, presentShape, everything);
  const present = new Map<Modality, Ref>();
  const features = new Map<Modality, Ref>();
  for (const [at, modality] of modalities.entries()) {
    const [frames, height, width, channels] = input.shapeOf(modality);
    const shape = modality === 'audio' ? [-1, height, width] : [-1, frames, height, width, channels];
    inputs.set(modality, shape);
    const values = graph.input(modality, shape);
    const images = graph.reshape(`${modality}/images`, values, [-1, height, width, channels]);
    const normalised = normalisedGraph(graph, modality, images, channels, input.scaleOf(modality));
    const plan = planEncoder(modality, encoder);
    const perFrame = encoderGraph(graph, normalised, modality, plan, weights);
    const perClip =
      frames === 1
        ? perFrame
        : graph.mean(
            `${modality}/clip`,
            graph.reshape(`${modality}/frames`, perFrame, [-1, frames, plan.featureSize]),
            [1],
          );
    const own = graph.column(`${modality}/present`, presence, at);
    present.set(modality, own);
    features.set(modality, graph.multiply(`${modality}/feature`, perClip, own));
  }
  const { featureSize } = planEncoder(modalities[0]!, encoder);
  const fused = fusionGraph(fusion, {
    ...{ graph, weights, modalities, featureSize, classes },
    settings: fusion.settings ?? {},
    feature: (modality) => features.get(modality)!,
    present: (modality) => present.get(modality)!,
  });
  const outputs: string[] = [];
  const answer = (head: Modality | 'fused', logits: Ref) => {
    outputs.push(graph.output(outputName(head, 'logits'), logits));
    const probabilities = graph.softmax(`${head}/softmax`, logits);
    outputs.push(graph.output(outputName(head, 'probabilities'), probabilities));
  };
  answer('fused', fused.logits);
  for (const modality of modalities) {
    answer(
      modality,
      heads === undefined
        ? fused.branch(modality)
        : linearGraph(graph, weights, `heads/${modality}`, features.get(modality)!, `${heads}.${modality}`),
    );
  }
  return { graph, inputs, optional: { name: PRESENT, shape: presentShape }, outputs };
}

/** (x − mean) / std per channel. */
function normalisedGraph(graph: Graph, modality: string, x: Ref, channels: number, scale: PixelScale): Ref {
  const of = (name: string, value: (channel: number) => number) =>
    graph.constant(
      `${modality}/${name}`,
      [channels],
      Float32Array.from({ length: channels }, (_, c) => value(c)),
    );
  const centred = graph.subtract(
    `${modality}/centred`,
    x,
    of('mean', (c) => scale.mean[c] ?? 0),
  );
  return graph.multiply(
    `${modality}/normalised`,
    centred,
    of('factor', (c) => 1 / (scale.std[c] || 1)),
  );
}
