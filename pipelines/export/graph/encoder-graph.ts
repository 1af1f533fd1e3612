/** An encoder's plan as nodes of a graph, in testing mode: normalisations are folded into their convolutions. */
import type { ConvolutionNormPlan, EncoderPlan, LayerPlan } from '../../engine/network/plan.ts';
import { BATCH_NORM_EPSILON } from '../../engine/kernels/batch-norm.ts';
import type { Graph, Ref } from './graph.ts';
import type { Weights } from '../weights.ts';

/** Never wins against what a picture holds; −∞ is not in every engine's arithmetic. */
const LOWEST = -3.4e38;

/**
 * @param images [N, H, W, C]
 * @param prefix of the weights and of the nodes: the modality
 * @returns [N, D]
 */
export function encoderGraph(
  graph: Graph,
  images: Ref,
  prefix: string,
  plan: EncoderPlan,
  weights: Weights,
): Ref {
  let x = images;
  for (const [at, layer] of plan.layers.entries()) {
    x = layerGraph({ graph, prefix, weights }, x, layer, at);
  }
  return graph.mean(`${prefix}/encoder/pool`, x, [1, 2]);
}

interface Place {
  readonly graph: Graph;
  readonly prefix: string;
  readonly weights: Weights;
}

function layerGraph(place: Place, x: Ref, plan: LayerPlan, at: number): Ref {
  const { graph, prefix } = place;
  switch (plan.kind) {
    case 'convolution-norm':
      return convolutionGraph(place, x, plan);
    case 'max-pool': {
      const name = `${prefix}/encoder/max-pool-${String(at)}`;
      const padded = plan.pad === 0 ? x : graph.pad(`${name}/pad`, x, plan.pad, LOWEST);
      return graph.maxPool(name, padded, plan.size, plan.stride);
    }
    case 'residual': {
      const branch = plan.branch.reduce((y, layer) => convolutionGraph(place, y, layer), x);
      const shortcut = plan.shortcut === undefined ? x : convolutionGraph(place, x, plan.shortcut);
      const name = `${prefix}/encoder/${plan.name}`;
      return graph.relu(`${name}/relu`, graph.add(`${name}/add`, branch, shortcut));
    }
  }
}

function convolutionGraph({ graph, prefix, weights }: Place, x: Ref, plan: ConvolutionNormPlan): Ref {
  const name = `${prefix}/encoder/${plan.convolution}`;
  const { filter, bias } = foldedNorm(prefix, plan, weights);
  const shape = [plan.size, plan.size, plan.from, plan.to];
  const weight = graph.constant(`${name}/filter`, shape, filter);
  const isSame = plan.stride === 1 && plan.size === 2 * plan.pad + 1;
  const padded = isSame || plan.pad === 0 ? x : graph.pad(`${name}/pad`, x, plan.pad, 0);
  const y = graph.convolution(name, padded, weight, plan.stride, isSame ? 'SAME' : 'VALID');
  const shifted = graph.bias(`${name}/bias-add`, y, graph.constant(`${name}/bias`, [plan.to], bias));
  return plan.relu ? graph.relu(`${name}/relu`, shifted) : shifted;
}

/** With s = γ / √(variance + ε): norm(w ∗ x) = (s w) ∗ x + (β − s mean). */
function foldedNorm(prefix: string, { convolution, norm, to }: ConvolutionNormPlan, weights: Weights) {
  const of = (name: string) => weights(`${prefix}.${name}`).values;
  const [gamma, beta] = [of(`${norm}.weight`), of(`${norm}.bias`)];
  const [mean, variance] = [of(`${norm}.running_mean`), of(`${norm}.running_var`)];
  const scale = Float64Array.from(gamma, (one, k) => one / Math.sqrt(variance[k]! + BATCH_NORM_EPSILON));
  return {
    filter: of(`${convolution}.weight`).map((value, at) => value * scale[at % to]!),
    bias: Float32Array.from(beta, (one, k) => one - scale[k]! * mean[k]!),
  };
}
