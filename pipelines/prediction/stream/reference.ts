/**
 * How far a clip lies from what a model was trained on: the distance to the k-th nearest of a sample of the training
 * clips, on features divided by their length (Sun et al., "Out-of-Distribution Detection with Deep Nearest
 * Neighbors", ICML 2022). Features are those that the classifier sees.
 */
import type { DatasetManifest } from '../../../schemas/manifest.ts';
import type { TrainingSpec } from '../../../schemas/training.ts';
import { breathe } from '../../process/child-process.ts';
import { randomGenerator } from '../../random/generator.ts';
import type { Store } from '../../store/store.ts';
import type { LoadedModel } from '../../training/model/loaded-model.ts';
import { evaluationBatches } from '../../training/weights/load-model.ts';

export class Reference {
  readonly #features: readonly Float32Array[];

  /** @param features of training clips, [D] each */
  constructor(features: readonly Float32Array[]) {
    this.#features = features.map(unit);
  }

  /**
   * @param neighbours k; all there are where they are fewer
   * @returns 0 to 2; undefined where there is nothing to measure from
   */
  distance(feature: Float32Array, neighbours: number): number | undefined {
    return nearest(unit(feature), this.#features, neighbours);
  }

  /** The same of the sample's clips, each from the others, on average; undefined where there are not two. */
  ownDistance(neighbours: number): number | undefined {
    if (this.#features.length < 2) return undefined;
    const own = this.#features.map((feature, at) => {
      const others = this.#features.filter((_, place) => place !== at);
      return nearest(feature, others, neighbours)!;
    });
    return own.reduce((sum, distance) => sum + distance, 0) / own.length;
  }
}

function nearest(own: Float32Array, others: readonly Float32Array[], neighbours: number): number | undefined {
  const distances = others.map((other) => {
    let squares = 0;
    for (let d = 0; d < own.length; d += 1) squares += (own[d]! - other[d]!) ** 2;
    return Math.sqrt(squares);
  });
  distances.sort((a, b) => a - b);
  return distances[Math.min(neighbours, distances.length) - 1];
}

/** Zeros stay zeros. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}

export interface DrawReferenceInput {
  readonly store: Store;
  readonly model: LoadedModel;
  readonly spec: TrainingSpec;
  /** Of the dataset version that it was trained on. */
  readonly manifest: DatasetManifest;
  /** At most. */
  readonly clips: number;
}

/** The same clips for the same dataset version, whoever draws them. @throws ModalmixError `input` when shards are gone */
export async function drawReference(input: DrawReferenceInput): Promise<Reference> {
  const { store, model, spec, manifest, clips } = input;
  const order = randomGenerator(0, 'answers/reference').permutation(manifest.splits.train.rows);
  const rows = Int32Array.from(order.subarray(0, clips)).sort();
  const features: Float32Array[] = [];
  if (rows.length === 0) return new Reference(features);
  const { batchSize } = spec.evaluation;
  for await (const batch of evaluationBatches({ store, spec, manifest, split: 'train', batchSize, rows })) {
    const { fused } = model.forward(batch);
    for (let row = 0; row < batch.size; row += 1) {
      features.push(fused.slice(row * model.fusedSize, (row + 1) * model.fusedSize));
    }
    await breathe();
  }
  return new Reference(features);
}
