/** Everything the test split is asked of a model: as it is, by branch, with modalities dropped and disturbed. */
import type { EvaluationConfig } from '../../schemas/config/evaluation-config.ts';
import { isFeatures, type Modality } from '../../schemas/modality.ts';
import type { EvaluationResult } from '../../schemas/training.ts';
import type {
  EvaluationBatch,
  ForwardOptions,
  ForwardResult,
  LoadedModel,
} from '../training/model/loaded-model.ts';
import type { Disturbance } from '../training/data/disturbances.ts';
import { PredictionCollector } from './metrics/collect-predictions.ts';
import type { Predictions } from './metrics/predictions.ts';
import { scorePredictions } from './metrics/scores.ts';

/** One way in which the fused model is asked. */
interface Condition {
  readonly options: ForwardOptions;
  readonly seen: PredictionCollector;
}

export class TestJudge {
  readonly #model: LoadedModel;
  readonly #modalities: readonly Modality[];
  readonly #fused: PredictionCollector;
  readonly #branches: ReadonlyMap<Modality, PredictionCollector>;
  readonly #dropped: ReadonlyMap<Modality, Condition>;
  readonly #disturbed: readonly (Condition & {
    readonly kind: Disturbance['kind'];
    readonly modality: Modality;
    readonly level: number;
  })[];

  /** @param seed of the noise and of what is masked */
  constructor(
    model: LoadedModel,
    modalities: readonly Modality[],
    levels: Pick<EvaluationConfig, 'noiseLevels' | 'blurSigmas' | 'maskShares'>,
    seed: number,
  ) {
    this.#model = model;
    this.#modalities = modalities;
    const collector = () => new PredictionCollector(model.classes);
    this.#fused = collector();
    this.#branches = new Map(modalities.map((modality) => [modality, collector()]));
    // Without its only modality a model has nothing to judge by.
    const droppable = modalities.length > 1 ? modalities : [];
    this.#dropped = new Map(
      droppable.map((modality) => [modality, { options: { drop: [modality] }, seen: collector() }]),
    );
    this.#disturbed = modalities.flatMap((modality) =>
      disturbancesOf(modality, levels, seed).map((by) => ({
        kind: by.kind,
        modality,
        level: by.level,
        options: { disturbed: { modality, by } },
        seen: collector(),
      })),
    );
  }

  /** Forward passes a batch takes beside the plain one. */
  get extraPasses(): number {
    return this.#dropped.size + this.#disturbed.length;
  }

  /** @param plain the batch's forward pass without options */
  see(batch: EvaluationBatch, plain: ForwardResult): void {
    this.#fused.add(batch.labels, plain.logits);
    for (const [modality, collector] of this.#branches) {
      const logits = plain.branchLogits[modality];
      if (logits !== undefined) collector.add(batch.labels, logits, batch.present[modality]);
    }
    for (const { options, seen } of [...this.#dropped.values(), ...this.#disturbed]) {
      seen.add(batch.labels, this.#model.forward(batch, options).logits);
    }
  }

  /** The fused model's predictions, clips in the order seen. */
  get predictions(): Predictions {
    return this.#fused.predictions;
  }

  /** @throws ModalmixError `internal` when no clip was seen */
  scores(): Pick<EvaluationResult, 'fused' | 'branches' | 'dropped' | 'noised' | 'blurred' | 'masked'> {
    const branches: EvaluationResult['branches'] = {};
    const dropped: EvaluationResult['dropped'] = {};
    for (const modality of this.#modalities) {
      const branch = this.#branches.get(modality)?.predictions;
      if (branch !== undefined && branch.labels.length > 0) branches[modality] = scorePredictions(branch);
      const without = this.#dropped.get(modality)?.seen.predictions;
      if (without !== undefined) dropped[modality] = scorePredictions(without);
    }
    const [noised, blurred, masked] = [this.#under('noise'), this.#under('blur'), this.#under('mask')];
    return {
      fused: scorePredictions(this.predictions),
      branches,
      dropped,
      noised,
      ...(blurred.length === 0 ? {} : { blurred }),
      ...(masked.length === 0 ? {} : { masked }),
    };
  }

  #under(kind: Disturbance['kind']): EvaluationResult['noised'] {
    return this.#disturbed
      .filter((one) => one.kind === kind)
      .map(({ modality, level, seen }) => ({ modality, level, scores: scorePredictions(seen.predictions) }));
  }
}

/** Pictures are blurred, spectrograms masked; noise is for all, and all there is for vectors. */
function disturbancesOf(
  modality: Modality,
  { noiseLevels, blurSigmas = [], maskShares = [] }: ConstructorParameters<typeof TestJudge>[2],
  seed: number,
): Disturbance[] {
  return [
    ...noiseLevels.map((level) => ({ kind: 'noise' as const, level, seed })),
    ...(isFeatures(modality)
      ? []
      : modality === 'audio'
        ? maskShares.map((level) => ({ kind: 'mask' as const, level, seed }))
        : blurSigmas.map((level) => ({ kind: 'blur' as const, level }))),
  ];
}
