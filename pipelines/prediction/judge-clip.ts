/**
 * What a model says of a clip that was just extracted. Each clip is judged alone: in a batch, the last bits of a clip's
 * numbers depend on how many others are in it, and the same clip must get the same answer wherever it is asked about.
 */
import type { DatasetManifest } from '../../schemas/manifest.ts';
import type { Modality } from '../../schemas/modality.ts';
import type { ClipPrediction, HeadPrediction } from '../../schemas/prediction.ts';
import type { TrainingSpec } from '../../schemas/training.ts';
import { softmaxRows } from '../evaluation/metrics/softmax.ts';
import type { ExtractedClip } from '../extraction/extractor.ts';
import { extractedRows } from '../shards/write/extracted-rows.ts';
import { BatchReader, type BatchReaderOptions } from '../training/data/batches.ts';
import type { LoadedModel } from '../training/model/loaded-model.ts';

type Answered = Exclude<ClipPrediction, { problem: unknown }>;

export interface JudgedClip extends Omit<Answered, 'path'> {
  /** What the classifier sees [fusedSize]. */
  readonly feature: Float32Array;
}

const FIRST_ROW = Int32Array.of(0);

export class ClipJudge {
  readonly #model: LoadedModel;
  readonly #spec: TrainingSpec;
  readonly #manifest: DatasetManifest;
  readonly #options: BatchReaderOptions;

  /** @param manifest of the dataset version that the model was trained on */
  constructor(model: LoadedModel, spec: TrainingSpec, manifest: DatasetManifest) {
    this.#model = model;
    this.#spec = spec;
    this.#manifest = manifest;
    const { cropPx, testView } = spec.training;
    const { candidates } = manifest.extraction.video;
    this.#options = { manifest, modalities: spec.modalities, cropPx, testView, candidates };
  }

  /** @throws ModalmixError `input` when the clip's features are of another shape than the model takes */
  judge(clip: ExtractedClip): JudgedClip {
    const { modalities } = this.#spec;
    const rows = extractedRows(
      [{ clipId: '', features: clip }],
      modalities,
      this.#manifest.extraction.audio.storage,
    );
    const answers = this.#model.forward(new BatchReader(rows, this.#options).read(FIRST_ROW));
    const branches: Partial<Record<Modality, HeadPrediction>> = {};
    const missing: Answered['missing'] = {};
    for (const modality of modalities) {
      const logits = answers.branchLogits[modality];
      const problem = clip.missing[modality];
      if (problem !== undefined) missing[modality] = problem;
      else if (logits !== undefined) branches[modality] = this.#headOf(logits);
    }
    return { fused: this.#headOf(answers.logits), branches, missing, feature: answers.fused };
  }

  #headOf(logits: Float32Array): HeadPrediction {
    return { logits: [...logits], probabilities: [...softmaxRows(logits, this.#model.classes)] };
  }
}
