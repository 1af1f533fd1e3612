/** A linear classifier on each modality's frozen features: what they carry, whatever the model's own head makes of it. */
import type { Modality } from '../../../schemas/modality.ts';
import type { EvaluationResult } from '../../../schemas/training.ts';
import type { EvaluationBatch, ForwardResult } from '../../training/model/loaded-model.ts';
import { classify, RidgeSums, type LinearClassifier } from './ridge.ts';

/** Strengths of the regularisation that are tried, weakest first: shares of the standardised features' variance. */
export const STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10] as const;
/** Where there is no validation split to choose by. */
export const DEFAULT_STRENGTH = 0.1;

type Seen = Pick<EvaluationBatch, 'labels' | 'present'>;
type Features = Pick<ForwardResult, 'features'>;

interface Tally {
  clips: number;
  right: number;
}

class Probe {
  readonly #sums: RidgeSums;
  #candidates: { strength: number; classifier: LinearClassifier; right: number }[] = [];
  #validated = 0;
  readonly #test: Tally = { clips: 0, right: 0 };

  constructor(size: number, classes: number) {
    this.#sums = new RidgeSums(size, classes);
  }

  fit(values: Float32Array, labels: Int32Array, present?: Uint8Array): void {
    this.#sums.add(values, labels, present);
  }

  compare(values: Float32Array, labels: Int32Array, present?: Uint8Array): void {
    if (this.#sums.count === 0) return;
    for (const candidate of this.#fitted(STRENGTHS)) {
      candidate.right += tally(candidate.classifier, values, labels, present).right;
    }
    this.#validated += tallyPresent(labels, present);
  }

  judge(values: Float32Array, labels: Int32Array, present?: Uint8Array): void {
    if (this.#sums.count === 0) return;
    const { clips, right } = tally(this.#chosen().classifier, values, labels, present);
    this.#test.clips += clips;
    this.#test.right += right;
  }

  result(): NonNullable<EvaluationResult['probes']>[Modality] {
    const { clips, right } = this.#test;
    if (clips === 0) return undefined;
    return {
      samples: clips,
      accuracy: right / clips,
      strength: this.#chosen().strength,
      chosenOn: this.#validated > 0 ? 'validation' : 'nothing',
    };
  }

  #fitted(strengths: readonly number[]) {
    if (this.#candidates.length === 0) {
      this.#candidates = strengths.map((strength) => ({
        ...{ strength, right: 0 },
        classifier: this.#sums.solve(strength),
      }));
    }
    return this.#candidates;
  }

  /** The one that is right most often on the validation split; of equals the strongest. */
  #chosen() {
    return this.#fitted([DEFAULT_STRENGTH]).reduce((best, one) => (one.right >= best.right ? one : best));
  }
}

/** Shown the training split first, then the validation split where there is one, then the test split. */
export class LinearProbes {
  readonly #probes: ReadonlyMap<Modality, Probe>;

  constructor(modalities: readonly Modality[], featureSize: number, classes: number) {
    this.#probes = new Map(modalities.map((modality) => [modality, new Probe(featureSize, classes)]));
  }

  fit(batch: Seen, { features }: Features): void {
    this.#each(batch, features, (probe, ...clips) => {
      probe.fit(...clips);
    });
  }

  /** Clips of the validation split, by which the strength of the regularisation is chosen. */
  compare(batch: Seen, { features }: Features): void {
    this.#each(batch, features, (probe, ...clips) => {
      probe.compare(...clips);
    });
  }

  judge(batch: Seen, { features }: Features): void {
    this.#each(batch, features, (probe, ...clips) => {
      probe.judge(...clips);
    });
  }

  /** On the test clips that have the modality; none where no training clip has it. */
  results(): NonNullable<EvaluationResult['probes']> {
    return Object.fromEntries(
      [...this.#probes].flatMap(([modality, probe]) => {
        const result = probe.result();
        return result === undefined ? [] : [[modality, result]];
      }),
    );
  }

  #each(
    { labels, present }: Seen,
    features: ForwardResult['features'],
    show: (probe: Probe, values: Float32Array, labels: Int32Array, present?: Uint8Array) => void,
  ): void {
    for (const [modality, probe] of this.#probes) {
      const values = features[modality];
      if (values !== undefined) show(probe, values, labels, present[modality]);
    }
  }
}

function tally(
  classifier: LinearClassifier,
  values: Float32Array,
  labels: Int32Array,
  present?: Uint8Array,
): Tally {
  let right = 0;
  classify(classifier, values).forEach((k, n) => {
    if (present?.[n] !== 0 && k === labels[n]) right += 1;
  });
  return { clips: tallyPresent(labels, present), right };
}

function tallyPresent(labels: Int32Array, present?: Uint8Array): number {
  return present === undefined ? labels.length : present.reduce((sum, bit) => sum + bit, 0);
}
