/** The clips that are laid out in the plane, and their layouts in every feature space. */
import type { Modality } from '../../schemas/modality.ts';
import type { Generator } from '../random/generator.ts';
import type { FeatureRows } from './feature-table.ts';
import { MIN_POINTS, projectFeatures } from './project-features.ts';
import type { UmapPoint } from './umap-table.ts';

type SpaceName = Modality | 'fused';

interface SampledClip {
  readonly clipId: string;
  readonly label: number;
  readonly features: ReadonlyMap<SpaceName, Float32Array>;
}

/** At most `maxPoints` clips of a split, chosen by the generator before any is seen. */
export class UmapSample {
  readonly clips: SampledClip[] = [];
  readonly #chosen: ReadonlySet<number>;

  constructor(rows: number, maxPoints: number, generator: Generator) {
    this.#chosen = new Set(generator.permutation(rows).subarray(0, maxPoints));
  }

  /** @param rows row numbers within the split of the batch's clips */
  take(rows: Int32Array, { clipIds, labels, spaces }: FeatureRows): void {
    rows.forEach((row, i) => {
      if (!this.#chosen.has(row)) return;
      const features = new Map<SpaceName, Float32Array>();
      for (const { name, values, size, present } of spaces) {
        if (present?.[i] !== 0) features.set(name, values.slice(i * size, (i + 1) * size));
      }
      this.clips.push({ clipId: clipIds[i] ?? '', label: labels[i] ?? 0, features });
    });
  }
}

export interface LayoutInput {
  readonly train: UmapSample;
  readonly test: UmapSample;
  readonly spaces: readonly SpaceName[];
  readonly seed: number;
  readonly neighbors: number;
  readonly minDist: number;
  /** Share of all spaces done, 0…1; may throw to stop. */
  readonly onProgress: (share: number) => void;
}

/** Clips without a modality are not in its space; a space with too few training clips is left out. */
export async function layOutSpaces(input: LayoutInput): Promise<UmapPoint[]> {
  const points: UmapPoint[] = [];
  for (const [index, space] of input.spaces.entries()) {
    const within = (sample: UmapSample) => sample.clips.filter(({ features }) => features.has(space));
    const [train, test] = [within(input.train), within(input.test)];
    if (train.length < MIN_POINTS) continue;
    const vectors = (clips: readonly SampledClip[]) =>
      clips.map(({ features }) => features.get(space) ?? new Float32Array());
    const layout = await projectFeatures({
      train: vectors(train),
      test: vectors(test),
      neighbors: input.neighbors,
      minDist: input.minDist,
      seed: input.seed,
      space,
      onProgress: (share) => {
        input.onProgress((index + share) / input.spaces.length);
      },
    });
    for (const [split, clips] of [['train', train] as const, ['test', test] as const]) {
      clips.forEach(({ clipId, label }, i) => {
        const [x, y] = layout[split][i] ?? [0, 0];
        points.push({ clipId, split, label, space, x, y });
      });
    }
  }
  input.onProgress(1);
  return points;
}
