/** How a window's clips differ from the snapshot's other ones: from the manifest alone, and from features. Pure. */
import { ModalmixError } from '../../schemas/errors.ts';
import type { ChannelSums, DatasetManifest, ShardEntry, Snapshot } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import { storePaths } from '../../schemas/names.ts';
import type { Drift } from '../../schemas/retrain.ts';
import { addSums, normalisationOf } from '../shards/native/channel-sums.ts';

/** @throws ModalmixError `input` for a dataset version that does not say what is new in it */
export function snapshotOf({ snapshot, name, version }: DatasetManifest): Snapshot {
  if (snapshot !== undefined) return snapshot;
  throw new ModalmixError('input', 'this dataset version does not say which of its clips are new', {
    where: storePaths.manifest(name, version),
    fix: 'Compare on a version that was frozen from the stream.',
  });
}

/**
 * Over all splits. Where either side is empty the distance is 0; a modality that either side lacks is left out.
 *
 * @throws ModalmixError `input` as `snapshotOf`
 */
export function manifestDrift(
  manifest: DatasetManifest,
): Pick<Drift, 'classCounts' | 'classDistance' | 'inputs'> {
  const fresh = new Set(snapshotOf(manifest).newShards);
  const added = manifest.shards.filter(({ path }) => fresh.has(path));
  const before = manifest.shards.filter(({ path }) => !fresh.has(path));
  const classes = manifest.classNames.length;
  const classCounts = { old: classCountsOf(before, classes), new: classCountsOf(added, classes) };
  const inputs: Drift['inputs'] = {};
  for (const modality of manifest.modalities) {
    const [a, b] = [sumsOf(before, modality), sumsOf(added, modality)];
    if (a === undefined || b === undefined) continue;
    const old = normalisationOf(a);
    const { mean } = normalisationOf(b);
    const shifts = mean.map((value, c) => Math.abs(value - old.mean[c]!) / old.std[c]!);
    inputs[modality] = { old: old.mean, new: mean, shift: Math.max(...shifts) };
  }
  return { classCounts, classDistance: totalVariation(classCounts.old, classCounts.new), inputs };
}

function classCountsOf(shards: readonly ShardEntry[], classes: number): number[] {
  return Array.from({ length: classes }, (_, label) =>
    shards.reduce((sum, { classCounts }) => sum + (classCounts[label] ?? 0), 0),
  );
}

function sumsOf(shards: readonly ShardEntry[], modality: Modality): ChannelSums | undefined {
  let sums: ChannelSums | undefined;
  for (const shard of shards) {
    const own = shard.sums[modality];
    if (own !== undefined && own.count > 0) sums = addSums(sums, own);
  }
  return sums;
}

/** ½ Σ_k |p_k − q_k| of the shares of two lists of counts. */
function totalVariation(a: readonly number[], b: readonly number[]): number {
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  const [all, every] = [total(a), total(b)];
  if (all === 0 || every === 0) return 0;
  return a.reduce((sum, count, k) => sum + Math.abs(count / all - b[k]! / every), 0) / 2;
}

/** Mean and variance of feature vectors, one dimension at a time. */
export class FeatureMoments {
  #count = 0;
  readonly #sum: Float64Array;
  readonly #sumOfSquares: Float64Array;

  /** @param size D, of one vector */
  constructor(size: number) {
    this.#sum = new Float64Array(size);
    this.#sumOfSquares = new Float64Array(size);
  }

  get count(): number {
    return this.#count;
  }

  /** @param vector z [D] */
  add(vector: Float32Array): void {
    this.#count += 1;
    for (let d = 0; d < vector.length; d += 1) {
      this.#sum[d]! += vector[d]!;
      this.#sumOfSquares[d]! += vector[d]! ** 2;
    }
  }

  mean(d: number): number {
    return this.#sum[d]! / this.#count;
  }

  /** Population variance, summed over the dimensions. */
  spread(): number {
    return this.#sumOfSquares.reduce(
      (sum, squares, d) => sum + Math.max(0, squares / this.#count - this.mean(d) ** 2),
      0,
    );
  }

  /** ‖mean of these − mean of the others‖ */
  distance(other: FeatureMoments): number {
    return Math.hypot(...this.#sum.map((_, d) => this.mean(d) - other.mean(d)));
  }
}

/**
 * ‖mean z_new − mean z_old‖ / √(Σ_d var(z_old)); undefined where a side has no clip or the old ones do not vary.
 */
export function featureShift(old: FeatureMoments, fresh: FeatureMoments): number | undefined {
  if (old.count === 0 || fresh.count === 0) return undefined;
  const spread = old.spread();
  return spread > 0 ? fresh.distance(old) / Math.sqrt(spread) : undefined;
}
